/** Reported by `hello` and info; a test holds it against the manifest. */
export const SOFTWARE = 'bgtask/0.1.0'
