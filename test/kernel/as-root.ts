/** The tests' preload gives root a mount namespace of its own; without privilege nothing can be mounted. */
export const isRoot = process.geteuid?.() === 0;
