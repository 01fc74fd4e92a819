/**
 * The API document: OpenAPI 3.1 of the server-server API, derived from the definitions that routes and client derive
 * from. `node .ci/openapi.ts --write` renews spec-impl/openapi.json.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { HttpApi, OpenApi } from "effect/http-api"
import { FederationApi } from "#spec-impl/federation/api.ts"
import { Authentication } from "#spec-impl/federation/authentication.ts"
import { contentOfBody } from "#spec-impl/federation/json-body.ts"
import packageJson from "../package.json" with { type: "json" }
import { root } from "./source-files.ts"

/** Where the document is checked in. */
export const openApiPath = "spec-impl/openapi.json"

type Json = { [key: string]: Json } | Json[] | string | number | boolean | undefined

const matrixError: Json = {
  description: "A Matrix error",
  content: {
    "application/json": {
      schema: {
        type: "object",
        properties: { errcode: { type: "string" }, error: { type: "string" } },
        required: ["errcode", "error"],
      },
    },
  },
}

const xMatrix: Json = {
  type: "apiKey",
  in: "header",
  name: "Authorization",
  description: "X-Matrix: the origin's signature of the request (server-server API §Request Authentication)",
}

/** Bodies are bytes to HttpApi, for the sake of canonical JSON; a reader wants to know what is in them. */
const describeBody = (body: Json | undefined, schemas: Iterable<object>): void => {
  const content = (body as { content?: Record<string, { schema: unknown }> } | undefined)?.content
  for (const schema of schemas) {
    const inner = contentOfBody(schema)?.schema
    const described = content?.["application/json"]
    if (inner === undefined || described === undefined) continue
    described.schema = Schema.toJsonSchemaDocument(inner).schema
  }
}

interface Operation {
  requestBody?: Json
  responses: Record<string, Json>
  security: Json
}

/** The document as it is checked in. */
export const openApiDocument = (): string => {
  const document = OpenApi.fromApi(FederationApi) as unknown as {
    info: Json
    paths: Record<string, Record<string, Operation>>
    components: Record<string, Json>
  }
  document.info = { title: "Matrix server-server API, as netsplit speaks it", version: packageJson.version }
  document.components = { securitySchemes: { xMatrix } }
  HttpApi.reflect(FederationApi, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint }) => {
      const path = endpoint.path.replaceAll(/:(\w+)/g, "{$1}")
      const operation = document.paths[path]?.[endpoint.method.toLowerCase()]
      if (operation === undefined) throw new Error(`${endpoint.method} ${path} is not in the document`)
      for (const { schemas } of endpoint.payload.values()) describeBody(operation.requestBody, schemas)
      describeBody(operation.responses[200], endpoint.success)
      delete operation.responses[400]
      operation.responses.default = matrixError
      operation.security = endpoint.middlewares.has(Authentication) ? [{ xMatrix: [] }] : []
    },
  })
  return `${JSON.stringify(document, undefined, 2)}\n`
}

if (import.meta.main && process.argv.includes("--write")) {
  writeFileSync(join(root, openApiPath), openApiDocument())
}
