/** The description of the API, for programs and for people. All of it comes from our own origin. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import helmet from '@fastify/helmet'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { NoParameters } from '../parameters.ts'

const hidden = { hide: true, querystring: NoParameters }

/** `GET /openapi.json`, `/docs`, `/redoc`, and `/`, which leads to `/docs`. */
export function docsRoutes(app: FastifyInstance): void {
  /** Two megabytes that few ever ask for. */
  let redoc: Buffer | null = null
  app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    strictTransportSecurity: false,
  })

  app.get('/', { schema: hidden }, (_request, reply) => reply.redirect('/docs'))
  app.get('/openapi.json', { schema: hidden }, (_request, reply) => reply.send(app.swagger()))
  app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { deepLinking: true, supportedSubmitMethods: ['get', 'post', 'patch'] },
    theme: { title: 'Sluice API' },
  })
  app.get('/redoc', { schema: hidden }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(REDOC_PAGE),
  )
  app.get('/redoc/redoc.js', { schema: hidden }, (_request, reply) => {
    redoc ??= readRedoc()
    return reply
      .type('text/javascript; charset=utf-8')
      .header('cache-control', 'max-age=3600')
      .send(redoc)
  })
}

/** Nothing from anywhere else. Both pages write styles of their own, and Redoc a search worker. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  workerSrc: ["'self'", 'blob:'],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}

const REDOC_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Sluice API</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="data:,">
    <style>body { margin: 0 }</style>
  </head>
  <body>
    <redoc spec-url="/openapi.json"></redoc>
    <script src="/redoc/redoc.js"></script>
  </body>
</html>
`

/** An image of nothing, in the place of one that Redoc would fetch from its maker. */
const NO_IMAGE = 'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E'

function readRedoc(): Buffer {
  const path = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js')
  const script = readFileSync(path, 'utf8')
  return Buffer.from(script.replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', NO_IMAGE))
}
