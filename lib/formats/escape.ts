/** The characters that mountinfo cannot print as they are, and what it prints (fs/seq_file.c, mangle_path). */
const ESCAPES: { readonly [character: string]: string } = {
  ' ': '\\040',
  '\t': '\\011',
  '\n': '\\012',
  '\\': '\\134',
  '#': '\\043',
};

/** A root or a mount point as the kernel prints it: `#` stays. */
export function escapePath(text: string): string {
  return /[ \t\n\\]/.test(text) ? text.replace(/[ \t\n\\]/g, (character) => ESCAPES[character] ?? '') : text;
}

/** A source or a filesystem type as the kernel prints it. */
export function escapeName(text: string): string {
  return /[ \t\n\\#]/.test(text)
    ? text.replace(/[ \t\n\\#]/g, (character) => ESCAPES[character] ?? '')
    : text;
}
