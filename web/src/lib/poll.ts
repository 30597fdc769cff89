// Calls `read` now and every `ms` while somebody looks: not on a hidden page, but at once when it is seen again.
// Gives what ends it, for an $effect.
export function poll(ms: number, read: () => void): () => void {
  const look = () => {
    if (!document.hidden) read()
  }
  look()
  const timer = setInterval(look, ms)
  document.addEventListener('visibilitychange', look)
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', look)
  }
}
