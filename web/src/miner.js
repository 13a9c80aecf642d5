import { never, plain } from './format.js'

// As gateway/answering.go has it: after so long without an answer a miner does
// not count as there.
const QUIET = 5 * 60_000 // milliseconds

export const answers = (m, now) => !m.last_error && !never(m.last_seen) && now - Date.parse(m.last_seen) < QUIET

// condition is a miner's state in a word, the class of its colour, and why.
export function condition(m, now) {
  if (m.last_error) return { word: 'Problem', colour: 'lost', why: plain(m.last_error).replace(/^miner \S+ at \S+: /, '') }
  if (never(m.last_seen)) return { word: 'Not seen yet', colour: 'reduced' }
  if (!answers(m, now)) return { word: 'Silent', colour: 'lost' }
  if (m.leaving) return { word: 'Leaving', colour: 'reduced', why: 'takes no shards; filler earns nothing' }
  if (m.sealed < m.target) return { word: 'Sealing', colour: 'reduced' }
  return { word: 'Good', colour: 'healthy' }
}
