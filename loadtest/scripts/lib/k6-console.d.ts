/** The console of k6, which `@types/k6` leaves to others. */
declare const console: Readonly<
  Record<"debug" | "log" | "info" | "warn" | "error", (...values: readonly unknown[]) => void>
>
