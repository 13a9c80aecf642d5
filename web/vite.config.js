import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The build must give the same bytes on every machine: no source maps, no dates,
// names from content. The page's policy allows no inline script or style, so
// nothing is inlined and the preload helper is left out.
export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:3000', '/store': 'http://127.0.0.1:3000', '/retrieve': 'http://127.0.0.1:3000' } },
})
