/** The object that k6 gives to handleSummary; the node engine makes the same. */
export interface SummaryData {
  readonly root_group: SummaryGroup
  readonly options: {
    readonly summaryTrendStats: readonly string[]
    readonly summaryTimeUnit: string
    readonly noColor: boolean
  }
  readonly state: {
    readonly isStdOutTTY: boolean
    readonly isStdErrTTY: boolean
    readonly testRunDurationMs: number
  }
  readonly metrics: Readonly<Record<string, SummaryMetric>>
  readonly setup_data?: unknown
}

export interface SummaryMetric {
  readonly type: string
  readonly contains: string
  readonly values: Readonly<Record<string, number>>
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>
}

export interface SummaryGroup {
  readonly name: string
  readonly path: string
  readonly id: string
  readonly groups: readonly SummaryGroup[]
  readonly checks: readonly SummaryCheck[]
}

export interface SummaryCheck {
  readonly name: string
  readonly path: string
  readonly id: string
  readonly passes: number
  readonly fails: number
}
