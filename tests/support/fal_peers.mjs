// The official JavaScript clients, unmodified, against a gateway. One JSON document on standard output.
// node fal_peers.mjs URL KEY WAVE
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import http from 'node:http'
const require = createRequire(process.env.ACESTEP_NODE_PEERS + '/package.json')
const { fal, createFalClient, ApiError, ValidationError } = require('@fal-ai/client')
const old = require('@fal-ai/serverless-client')
const [url, key, wavePath] = process.argv.slice(2)
const told = {}
const app = 'fal-ai/ace-step'
const wave = () => new Blob([readFileSync(wavePath)], { type: 'audio/wav' })
const problem = async (promise) => {
  try { await promise; return null } catch (error) {
    return { status: error.status, name: error.constructor.name, isApi: error instanceof ApiError,
      isValidation: error instanceof ValidationError, body: error.body, timeoutType: error.timeoutType,
      fields: error.getFieldErrors ? error.getFieldErrors('duration').length : undefined }
  }
}
const hosts = { 'fal.run': '/run', 'queue.fal.run': '/queue', 'rest.fal.ai': '/rest', 'rest.alpha.fal.ai': '/rest' }
const local = (text) => {
  const target = new URL(text)
  return target.host in hosts ? url + hosts[target.host] + target.pathname + target.search : text
}

fal.config({ credentials: key, proxyUrl: { url: url + '/api/fal/proxy', when: 'always' } })

told.documented = await (async () => {   // the documentation's own example, with its file in place of the hosted one
  const updates = [], logs = []
  const result = await fal.subscribe(app + '/audio-inpaint', {
    input: { audio_url: wave(), tags: 'lofi, hiphop, drum and bass, trap, chill', start_time: 0.2, end_time: 0.6 },
    logs: true,
    onQueueUpdate: (update) => {
      updates.push(update.status)
      if (update.status === 'IN_PROGRESS') update.logs.map((log) => log.message).forEach((text) => logs.push(text))
    },
  })
  return { data: result.data, requestId: result.requestId, updates, logs }
})()

told.streamed = await (async () => {
  const logs = [], updates = []
  const result = await fal.subscribe(app, {
    input: { tags: 'steps=6 step_seconds=0.05', duration: 1 }, mode: 'streaming', logs: true,
    onQueueUpdate: (update) => { updates.push(update.status); if (update.logs) logs.splice(0, logs.length, ...update.logs.map((l) => l.message)) },
  })
  return { data: result.data, updates, logs }
})()

told.run = (await fal.run(app + '/prompt-to-audio', { input: { prompt: 'a calm waltz', duration: 1 } })).data
told.remix = (await fal.run(app + '/audio-to-audio', { input: { audio_url: wave(), original_tags: 'x', tags: 'y' } })).data
told.outpaint = (await fal.run(app + '/audio-outpaint', { input: { audio_url: wave(), extend_after_duration: 1, tags: 'y' } })).data

told.queue = await (async () => {
  const submitted = await fal.queue.submit(app, { input: { tags: 'lofi', duration: 1 }, priority: 'low' })
  const first = await fal.queue.status(app, { requestId: submitted.request_id, logs: true })
  await fal.queue.subscribeToStatus(app, { requestId: submitted.request_id })
  const result = await fal.queue.result(app, { requestId: submitted.request_id })
  return { submitted, first, result }
})()

told.cancelled = await (async () => {
  const { request_id } = await fal.queue.submit(app, { input: { tags: 'steps=200 step_seconds=0.1', duration: 1 } })
  await fal.queue.cancel(app, { requestId: request_id })
  const status = await fal.queue.subscribeToStatus(app, { requestId: request_id })
  return { status, result: await problem(fal.queue.result(app, { requestId: request_id })),
    again: await problem(fal.queue.cancel(app, { requestId: request_id })) }
})()

told.invalid = await problem(fal.run(app, { input: { tags: 'x', duration: -1 } }))
told.missing = await problem(fal.subscribe(app + '/audio-inpaint', { input: { tags: 'x' } }))
told.unknown = await problem(fal.queue.status(app, { requestId: 'nobody' }))
told.wrongKey = await problem(createFalClient({ credentials: 'wrong', proxyUrl: { url: url + '/api/fal/proxy', when: 'always' } })
  .run(app, { input: { tags: 'x', duration: 1 } }))

told.storage = await (async () => {
  const address = await fal.storage.upload(wave())
  const got = await fetch(address)
  const some = await fetch(address, { headers: { Range: 'bytes=0-3' } })
  return { address, type: got.headers.get('content-type'), size: (await got.arrayBuffer()).byteLength,
    range: some.status, first: await some.text() }
})()

told.multipart = await (async () => {   // above 90 MiB: announced, sent in parts of 10 MiB, completed
  const address = await fal.storage.upload(new Blob([readFileSync(wavePath), new Uint8Array(91 * 1024 * 1024)], { type: 'audio/wav' }))
  return { address, size: Number((await fetch(address, { method: 'HEAD' })).headers.get('content-length')) }
})()

told.startTimeout = await (async () => {
  const blocking = await fal.queue.submit(app, { input: { tags: 'steps=200 step_seconds=0.1', duration: 1 } })
  const failed = await problem(fal.subscribe(app, { input: { tags: 'late', duration: 1 }, startTimeout: 1.5 }))
  await fal.queue.cancel(app, { requestId: blocking.request_id })
  return failed
})()

told.middleware = await (async () => {
  const own = createFalClient({ credentials: key, requestMiddleware: async (r) => ({ ...r, url: local(r.url) }) })
  return (await own.subscribe(app, { input: { tags: 'x', duration: 1 } })).data
})()

told.old = await (async () => {
  old.config({ credentials: key, requestMiddleware: async (r) => ({ ...r, url: local(r.url) }) })
  const { request_id } = await old.queue.submit(app, { input: { tags: 'x', duration: 1 } })
  const done = await old.subscribe(app + '/audio-inpaint', { input: { audio_url: wave(), tags: 'y', start_time: 0.1, end_time: 0.5 } })
  return { request_id, done }
})()

told.proxied = await (async () => {   // a browser's client, through the server-proxy of an application's own backend
  const express = require('express')
  const { createHandler } = require('@fal-ai/server-proxy/express')
  const backend = express()
  process.env.FAL_KEY = key
  backend.use('/api/fal/proxy', express.json(), createHandler({ allowedUrlPatterns: [url.replace('http://', '') + '/**'] }))
  const server = http.createServer(backend).listen(0, '127.0.0.1')
  await new Promise((done) => server.on('listening', done))
  const proxyUrl = `http://127.0.0.1:${server.address().port}/api/fal/proxy`
  const browser = createFalClient({ requestMiddleware: async (r) => ({ ...r, url: local(r.url) }), proxyUrl: { url: proxyUrl, when: 'always' } })
  const done = await browser.subscribe(app, { input: { tags: 'x', duration: 1 } })
  server.close()
  server.closeAllConnections()
  return done.data
})()

console.log(JSON.stringify(told))
process.exit(0)
