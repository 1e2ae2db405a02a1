export function markBegin(root: string): void
export function removeStale(root: string): string[]
