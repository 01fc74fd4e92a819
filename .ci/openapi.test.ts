// Shows that the API document is what the definitions say today, and that it is OpenAPI 3.1.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Validator } from "@seriousme/openapi-schema-validator"
import { describe, expect, test } from "vitest"
import { openApiDocument, openApiPath } from "./openapi.ts"
import { root } from "./source-files.ts"

describe("the API document", () => {
  test("is what the definitions say (node .ci/openapi.ts --write renews it)", () => {
    expect(readFileSync(join(root, openApiPath), "utf8")).toBe(openApiDocument())
  })

  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator()
    const result = await validator.validate(JSON.parse(openApiDocument()))
    expect(result).toEqual({ valid: true })
    expect(validator.version).toBe("3.1")
  })

  test("describes what is in the bodies", () => {
    const { paths } = JSON.parse(openApiDocument())
    const send = paths["/_matrix/federation/v1/send/{transactionId}"].put
    expect(send.security).toEqual([{ xMatrix: [] }])
    const { schema } = send.requestBody.content["application/json"]
    expect(schema.properties.edus).toMatchObject({ type: "array" })
    expect(paths["/_matrix/federation/v1/version"].get.security).toEqual([])
  })
})
