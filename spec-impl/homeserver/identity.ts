/** Who this server is: its name, and the keys that prove it. */
import { Context, Layer } from "effect"
import type { SigningKey } from "./signatures/signing-key.ts"

/** A key that signs no longer, but did (server-server API §Publishing Keys). */
export interface OldKey {
  readonly keyId: string
  readonly publicKey: Uint8Array
  /** When it ceased to sign, in milliseconds since the epoch. */
  readonly expiredTs: number
}

export class ServerIdentity extends Context.Service<
  ServerIdentity,
  {
    /** The name before delegation. */
    readonly serverName: string
    /** The key that signs now. */
    readonly signingKey: SigningKey
    readonly oldKeys: readonly OldKey[]
    /** By which it recommends events where it is a policy server: not the one that signs (§Policy Servers). */
    readonly policyServerKey?: SigningKey
  }
>()("netsplit/ServerIdentity") {
  static readonly layer = (identity: ServerIdentity["Service"]) => Layer.succeed(ServerIdentity, identity)
}
