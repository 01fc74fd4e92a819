/** Points in time to continue a sync from (client-server API §Syncing). */

/** How far a client has been told. */
export interface SyncPoint {
  /** All events up to that position (`homeserver/timeline.ts`). */
  readonly position: number
  /** All messages to its device up to that one of its inbox. */
  readonly toDevice: number
  /** Of that boot of this server, all changes besides up to that number (`homeserver/changes.ts`). */
  readonly boot: number
  readonly change: number
}

/** `s<position>_<to-device>_<change>_<boot>`. */
export const writeSyncPoint = ({ position, toDevice, change, boot }: SyncPoint): string =>
  `s${position}_${toDevice}_${change}_${boot}`

/** Undefined for what is none. */
export const readSyncPoint = (token: string): SyncPoint | undefined => {
  const [, position, toDevice, change, boot] =
    /^s([0-9]{1,15})_([0-9]{1,15})_([0-9]{1,15})_([0-9]{1,15})$/.exec(token) ?? []
  return boot === undefined
    ? undefined
    : {
        position: Number(position),
        toDevice: Number(toDevice),
        change: Number(change),
        boot: Number(boot),
      }
}
