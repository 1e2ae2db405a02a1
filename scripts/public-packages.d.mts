export function publicPackages(): { name: string; directory: string; manifest: Record<string, unknown> }[]
