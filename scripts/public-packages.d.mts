export interface PublicPackage {
  name: string
  directory: string
  manifest: { scripts?: Record<string, string>; os?: string[]; version: string; [field: string]: unknown }
}

export function publicPackages(root?: string): PublicPackage[]
export function packablePackages(root?: string): PublicPackage[]
