/** The loop turns all the time while `work` is done: the longest time (ms) between two turns is what blocks it. */
export async function longestTurn(work) {
  let longest = 0
  let last = performance.now()
  let isOver = false
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await new Promise(setImmediate)
  longest = 0
  await work()
  isOver = true
  return longest
}
