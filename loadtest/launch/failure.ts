/** Why a load cannot be run: one line for people, with what to do. */
export class LoadFailure extends Error {}
