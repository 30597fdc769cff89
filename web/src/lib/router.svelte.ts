// Four views: "/", "/stations/GATEWAY/STATION", "/machines/GATEWAY/ASSET" and "/tags/GATEWAY", or "/tags/GATEWAY/TAG" with
// one of them open. Links are plain <a>; clicks on them are caught once, here.
// An address that was typed wrong is still an address.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

class Router {
  path = $state(location.pathname)
  get place(): { kind: 'stations' | 'machines' | 'tags'; gateway: string; name: string } | null {
    const [kind, gateway, name, ...more] = this.path.split('/').filter(Boolean).map(decoded)
    if (kind === 'tags' && gateway && more.length === 0) return { kind, gateway, name: name ?? '' }
    return (kind === 'stations' || kind === 'machines') && gateway && name && more.length === 0 ? { kind, gateway, name } : null
  }
  constructor() {
    addEventListener('popstate', () => (this.path = location.pathname))
    addEventListener('click', (event) => {
      const link = (event.target as Element).closest('a')
      if (!link || link.target || link.origin !== location.origin || link.hash || event.button !== 0) return
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.pathname.startsWith('/api/')) return
      event.preventDefault()
      this.go(link.pathname)
    })
  }
  go(path: string) {
    if (path !== this.path) history.pushState(null, '', path)
    this.path = path
    scrollTo(0, 0)
  }
}
export const router = new Router()
const link = (kind: string) => (gateway: string, name: string) => `/${kind}/${encodeURIComponent(gateway)}/${encodeURIComponent(name)}`
export const stationLink = link('stations')
export const assetLink = link('machines')
export const tagLink = link('tags')
export const tagsLink = (gateway: string) => `/tags/${encodeURIComponent(gateway)}`
