export function packInto(directory: string): Record<string, string>
export function packOnce(): Promise<Record<string, string>>
