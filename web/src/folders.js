// What is chosen or dropped, as a list of { file, key }. A file of a folder has
// its path for a key, as strata put -r gives it; key is '' for one by itself.

export const chosen = (list) => [...list].map((file) => ({ file, key: file.webkitRelativePath }))

// dropped reads folders too. What is dropped has to be asked for its entries before
// the event is over.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry)
  if (!entries.some((entry) => entry.isDirectory)) return chosen(transfer.files)
  const found = []
  for (const entry of entries) await walk(entry, found)
  return found
}

async function walk(entry, found) {
  if (entry.isDirectory) {
    for (const child of await children(entry)) await walk(child, found)
    return
  }
  const file = await new Promise((done, failed) => entry.file(done, failed))
  const path = entry.fullPath.slice(1)
  found.push({ file, key: path.includes('/') ? path : '' })
}

// children reads a folder, which comes in pieces.
async function children(folder) {
  const reader = folder.createReader()
  const all = []
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed))
    if (!some.length) return all
    all.push(...some)
  }
}
