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
		if path, ok := pathAfter(code, `root\s*:`); ok {
			root = resolve(dir, path)
		}
		configs := []string{ownConfig(root)}
		for _, text := range literals {
			configs = append(configs, resolve(root, text))
		}
		session := Session{By: s.shown(file), Dir: dir, Vite: true}
		at := state(root)
		switch path, ok := pathAfter(code, `persistState\s*:\s*\{\s*path\s*:`); {
		case ok:
			at = resolve(root, path)
		case mentions(code, `persistState\s*:\s*false`):
			at, session.Problem = "", "it keeps no state (persistState: false), so that its Workers find no secret"
		case mentions(code, `persistState`) && !mentions(code, `persistState\s*:\s*true`):
			at, session.Problem = "", "its persistState is not a literal path"
		}
		s.add(session, configs, at)
		return
	}
}

// pathAfter returns the string literal that follows a pattern in code. The patterns are compiled
// here, where a project uses Vite, and not at the start of every command.
func pathAfter(code, pattern string) (path string, ok bool) {
	m := regexp.MustCompile(`\b` + pattern + `\s*(?:"([^"]*)"|'([^']*)')`).FindStringSubmatch(code)
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}

// mentions reports whether whole words of code match a pattern.
func mentions(code, pattern string) bool {
	return regexp.MustCompile(`\b` + pattern + `\b`).MatchString(code)
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
