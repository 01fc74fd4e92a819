/** Fails as it did: no-reset (phantom-join-rules). */
import { testCase } from "./case-test.ts"

testCase(new URL("fixtures/phantom-join-rules-by-chance.json", import.meta.url), "fails")
