// Three views: "/", "/stations/GATEWAY/STATION" and "/machines/GATEWAY/ASSET". Links are plain <a>; clicks on them are caught once, here.
class Router {
  path = $state(location.pathname)
  get station(): { gateway: string; station: string } | null {
    const parts = this.path.split('/').filter(Boolean).map(decodeURIComponent)
    return parts[0] === 'stations' && parts.length === 3 ? { gateway: parts[1]!, station: parts[2]! } : null
  }
  get asset(): { gateway: string; asset: string } | null {
    const parts = this.path.split('/').filter(Boolean).map(decodeURIComponent)
    return parts[0] === 'machines' && parts.length === 3 ? { gateway: parts[1]!, asset: parts[2]! } : null
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
export const stationLink = (gateway: string, station: string) =>
  `/stations/${encodeURIComponent(gateway)}/${encodeURIComponent(station)}`
export const assetLink = (gateway: string, asset: string) =>
  `/machines/${encodeURIComponent(gateway)}/${encodeURIComponent(asset)}`
