/**
 * Lays out rows of cells in columns, two spaces apart, without blanks at the ends of lines. Widths count code
 * points, which is right for what netsplit prints.
 */
export const layOutTable = (rows: readonly (readonly string[])[]): readonly string[] => {
  const width = (cell: string) => [...cell].length
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell))
    })
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat(widths[column]! - width(cell)))
      .join("  ")
      .trimEnd(),
  )
}
