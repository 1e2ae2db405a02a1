/** Descriptors of the here-documents, in the shell that opens them. */
export const HERE_DOCUMENT_FDS = [7, 8, 9] as const

/** Shell script for what Node cannot do: make three real pipes. A shell makes one for each non-empty here-document; each holds a line. */
export const OPEN_HERE_DOCUMENTS = `exec ${HERE_DOCUMENT_FDS.map((fd) => `${fd}<<X`).join(' ')}
.
X
.
X
.
X`
