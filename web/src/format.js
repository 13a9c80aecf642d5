// Numbers and times as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function bytes(n) {
  let unit = 0
  while (n >= 1024 && unit < UNITS.length - 1) {
    n /= 1024
    unit++
  }
  return (n < 10 && unit ? n.toFixed(1).replace('.0', '') : Math.round(n)) + ' ' + UNITS[unit]
}

export const count = (n) => n.toLocaleString('en')

export function percent(part, whole) {
  if (!whole) return '0 %'
  const p = (100 * part) / whole
  return (p > 0 && p < 10 ? p.toFixed(1) : Math.round(p)) + ' %'
}

// PROVEN explains the word that the page uses most.
export const PROVEN = 'Space that counts for reward: the validator has recomputed sectors at random and timed the opening of random blocks, and credits what these checks prove with 95 % certainty.'

// plain drops what network libraries add to an error: the address once more and
// the names of their calls.
export const plain = (text) => text.replace(/\b(?:dial|read|write) tcp \S+: (?:(?:connect|read|write): )?/g, '')

const STEPS = [
  [60, 'second', 1],
  [3600, 'minute', 60],
  [86400, 'hour', 3600],
  [30 * 86400, 'day', 86400],
]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })

// ago says how long before now a time was; older than a month it is a date.
export function ago(time, now) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000)
  if (seconds < 10) return 'just now'
  const step = STEPS.find(([below]) => seconds < below)
  return step ? relative.format(-Math.floor(seconds / step[2]), step[1]) : new Date(time).toLocaleDateString('en', { dateStyle: 'medium' })
}

export const exact = (time) => new Date(time).toLocaleString('en', { dateStyle: 'long', timeStyle: 'medium' })

// The zero time of Go means never.
export const never = (time) => !time || time.startsWith('0001-')
