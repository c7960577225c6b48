/** The words before a command that make it run as a user without any privilege. */
export const AS_NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'] as const;
