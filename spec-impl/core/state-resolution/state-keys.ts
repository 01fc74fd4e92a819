/** A place in the state of a room. */
export type StateKey = readonly [type: string, stateKey: string]

/** (type, state_key) pairs interned to integers. */
export class StateKeys {
  readonly #byType = new Map<string, Map<string, number>>()
  readonly #types: string[] = []
  readonly #stateKeys: string[] = []

  /** How many pairs there are; their indices go from 0 to one less. */
  get count(): number {
    return this.#types.length
  }

  /** The pair's index; a new pair gets one. */
  intern(type: string, stateKey: string): number {
    let ofType = this.#byType.get(type)
    if (ofType === undefined) {
      ofType = new Map()
      this.#byType.set(type, ofType)
    }
    const known = ofType.get(stateKey)
    if (known !== undefined) return known
    const key = this.#types.length
    ofType.set(stateKey, key)
    this.#types.push(type)
    this.#stateKeys.push(stateKey)
    return key
  }

  /** The pair's index, or −1 for one that was never interned. */
  find(type: string, stateKey: string): number {
    return this.#byType.get(type)?.get(stateKey) ?? -1
  }

  pair(key: number): StateKey {
    return [this.#types[key]!, this.#stateKeys[key]!]
  }
}
