const FULL = {
  rounds: 15,
  /** For work that takes seconds. */
  heavyRounds: 5,
  many: 100,
  memoryCounts: [1, 20, 100],
  memoryRounds: 3,
  idleTasks: 20,
  idleSeconds: 60,
  drainMiB: 1024,
  growthCounts: [1, 10, 25, 50, 100, 150, 200, 250, 300],
  growthSamples: 9,
  bufferMiB: [1, 2, 4, 8, 16, 32, 64],
  followers: [0, 1, 2, 4, 8, 16, 32, 64],
  calls: 500,
}

const QUICK = {
  rounds: 3,
  heavyRounds: 1,
  many: 20,
  memoryCounts: [1, 10],
  memoryRounds: 1,
  idleTasks: 5,
  idleSeconds: 5,
  drainMiB: 64,
  growthCounts: [1, 10, 30],
  growthSamples: 3,
  bufferMiB: [1, 4, 16],
  followers: [0, 4, 16],
  calls: 100,
}

/** How much of everything; the quick one shows that all of it works, within 3 minutes. */
export const planFor = (quick) => (quick ? QUICK : FULL)
