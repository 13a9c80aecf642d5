import { plain } from './format.js'

// The gateway's interface (docs/gateway.md). Every failure is an ApiError whose
// message is one line for the user.

export class ApiError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

const KEY = 'strata-token'

// takeToken moves a token from the address's fragment into the tab's storage
// and out of the address, so that it is in no history. It returns the token, or ''.
export function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const token = fragment.get('token')
  if (token) {
    sessionStorage.setItem(KEY, token)
    history.replaceState(null, '', location.pathname + location.search)
  }
  return sessionStorage.getItem(KEY) ?? ''
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token)
}

export function forgetToken() {
  sessionStorage.removeItem(KEY)
}

const authorization = () => 'Bearer ' + (sessionStorage.getItem(KEY) ?? '')

function failure(text, status) {
  try {
    const f = JSON.parse(text)
    if (f.code && f.error) return new ApiError(f.code, plain(f.error))
  } catch {
    // not from a gateway: told below
  }
  return new ApiError('unavailable', `The gateway answered ${status}.`)
}

const unreachable = () => new ApiError('unavailable', 'The gateway does not answer. Is it running?')

// ask returns the text of a good answer.
async function ask(method, path, headers, body) {
  let response
  try {
    response = await fetch(path, { method, headers: { authorization: authorization(), ...headers }, body, cache: 'no-store' })
  } catch {
    throw unreachable()
  }
  const text = await response.text().catch(() => '')
  if (!response.ok) throw failure(text, response.status)
  return text
}

async function call(method, path, body) {
  const text = await ask(method, path, body && { 'content-type': 'application/json' }, body && JSON.stringify(body))
  return text ? JSON.parse(text) : null
}

export const list = (query) => call('GET', '/api/objects?' + new URLSearchParams(query))
export const remove = (hash) => call('DELETE', '/api/objects/' + hash)
export const restore = (hash) => call('POST', '/api/objects/' + hash + '/undelete')
export const network = () => call('GET', '/api/network')

// download swaps the token for a single-use ticket and lets the browser save
// the file by itself, however large it is. A browser does not tell why a download
// failed, so the file's beginning is asked for here: most reasons show there. It
// is enough to need as many miners as the whole file does.
export async function download(hash) {
  await ask('GET', '/retrieve/?' + new URLSearchParams({ hash }), { range: 'bytes=0-1048575' })
  const { ticket } = await call('POST', '/api/tickets', { hash })
  const link = document.createElement('a')
  link.href = '/retrieve/?' + new URLSearchParams({ hash, ticket })
  link.download = ''
  link.click()
}

// upload sends a file, { file, key, replace }, and tells progress(bytes) of what
// was sent so far. One with a key fails with code "conflict" if the key has a file
// already, unless it is to be replaced. done is a promise; cancel() makes it fail
// with code "cancelled".
export function upload({ file, key, replace }, progress) {
  const xhr = new XMLHttpRequest()
  const done = new Promise((resolve, reject) => {
    xhr.upload.onprogress = (e) => progress(Math.min(file.size, e.loaded))
    xhr.onload = () => (xhr.status === 200 ? resolve() : reject(failure(xhr.responseText, xhr.status)))
    xhr.onerror = () => reject(unreachable())
    xhr.onabort = () => reject(new ApiError('cancelled', 'Cancelled.'))
  })
  if (key) {
    xhr.open('PUT', '/api/files/' + key.split('/').map(encodeURIComponent).join('/'))
    xhr.setRequestHeader('content-type', file.type || 'application/octet-stream')
    if (!replace) xhr.setRequestHeader('if-none-match', '*')
  } else {
    xhr.open('POST', '/store/')
  }
  xhr.setRequestHeader('authorization', authorization())
  xhr.send(key ? file : form(file))
  return { done, cancel: () => xhr.abort() }
}

function form(file) {
  const body = new FormData()
  body.append('file', file, file.name)
  return body
}
