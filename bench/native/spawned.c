/*
 * Runs a command to its end and prints how many nanoseconds it took, by the clock and of the processor:
 * spawned COMMAND [ARG...]. Its exit status is the command's; what it prints is
 * dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t nanoseconds(struct timeval time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_usec * 1000; }

int main(int count, char **arguments) {
  if (count < 2) return 2;
  posix_spawn_file_actions_t silence;
  posix_spawn_file_actions_init(&silence);
  posix_spawn_file_actions_addopen(&silence, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  int64_t start = now();
  pid_t child;
  int error = posix_spawnp(&child, arguments[1], &silence, NULL, arguments + 1, environ);
  int status;
  struct rusage usage;
  if (error || wait4(child, &status, 0, &usage) < 0) {
    fprintf(stderr, "spawned: %s: %s\n", arguments[1], strerror(error ? error : errno));
    return 1;
  }
  int64_t end = now();
  printf("%lld %lld\n", (long long)(end - start),
         (long long)(nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
