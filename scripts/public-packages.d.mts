interface PublicPackage {
  name: string
  directory: string
  manifest: { scripts?: Record<string, string>; [field: string]: unknown }
}

export function publicPackages(root?: string): PublicPackage[]
