package devsession

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// vitePlugin is the package that runs Workers in Vite.
const vitePlugin = "@cloudflare/vite-plugin"

// viteNames are the configurations that Vite looks for.
var viteNames = []string{"vite.config.js", "vite.config.mjs", "vite.config.ts", "vite.config.cjs", "vite.config.mts", "vite.config.cts"}

var (
	rootOption    = regexp.MustCompile(`\broot\s*:\s*(?:"([^"]*)"|'([^']*)')`)
	persistOption = regexp.MustCompile(`\bpersistState\b`)
	persistPath   = regexp.MustCompile(`\bpersistState\s*:\s*\{\s*path\s*:\s*(?:"([^"]*)"|'([^']*)')`)
	persistNot    = regexp.MustCompile(`\bpersistState\s*:\s*false\b`)
	persistOwn    = regexp.MustCompile(`\bpersistState\s*:\s*true\b`)
)

// vite finds the session that a folder's Vite configuration describes: Cloudflare's plugin
// runs the Worker in Vite's root, or those whose configurations are named.
func (s *search) vite(dir string) {
	for _, name := range viteNames {
		file := filepath.Join(dir, name)
		data := read(file)
		if data == nil {
			continue
		}
		code, literals := scan(string(data))
		if !slices.Contains(literals, vitePlugin) {
			return
		}
		root := dir
		if m := rootOption.FindStringSubmatch(code); m != nil {
			root = resolve(dir, m[1]+m[2])
		}
		configs := []string{ownConfig(root)}
		for _, text := range literals {
			configs = append(configs, resolve(root, text))
		}
		session := Session{By: s.shown(file), Dir: dir, Vite: true}
		at := state(root)
		switch m := persistPath.FindStringSubmatch(code); {
		case m != nil:
			at = resolve(root, m[1]+m[2])
		case persistNot.MatchString(code):
			at, session.Problem = "", "it keeps no state (persistState: false), so that its Workers find no secret"
		case persistOption.MatchString(code) && !persistOwn.MatchString(code):
			at, session.Problem = "", "its persistState is not a literal path"
		}
		s.add(session, configs, at)
		return
	}
}

// scan returns JavaScript or TypeScript without its comments, and its string literals.
func scan(text string) (code string, literals []string) {
	var b strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			i += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return b.String(), literals
			}
			i += n + 4
			b.WriteByte(' ')
		case strings.IndexByte("\"'`", rest[0]) >= 0:
			n := literalEnd(rest)
			if n > 1 && rest[n-1] == rest[0] {
				literals = append(literals, rest[1:n-1])
			}
			b.WriteString(rest[:n])
			i += n
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String(), literals
}

// literalEnd returns the length of the string literal that text starts with. Those in ' and
// " end with their line at the latest.
func literalEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == text[0]:
			return i + 1
		case text[i] == '\n' && text[0] != '`':
			return i
		}
	}
	return len(text)
}
