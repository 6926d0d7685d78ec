package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSidebar: the sidebar of the site lists each page once, and the site gets each picture. The
// site's own build, which needs Node.js, fails for a page that is missing.
func TestSidebar(t *testing.T) {
	config, err := os.ReadFile("../site/.vitepress/config.mjs")
	if err != nil {
		t.Fatal(err)
	}
	_, groups, _ := strings.Cut(string(config), "\nconst groups = {")
	groups, _, _ = strings.Cut(groups, "\n};")
	listed := map[string]int{}
	for _, m := range regexp.MustCompile(`"([\w-]+)"`).FindAllStringSubmatch(groups, -1) {
		listed[m[1]]++
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(page, ".md")
		if listed[name] != 1 {
			t.Errorf("site/.vitepress/config.mjs lists %s %d times", name, listed[name])
		}
		delete(listed, name)
	}
	if len(listed) > 0 {
		t.Errorf("site/.vitepress/config.mjs lists what is no page: %v", slices.Sorted(maps.Keys(listed)))
	}
	build, err := os.ReadFile("../site/package.json")
	if err != nil {
		t.Fatal(err)
	}
	pictures := regexp.MustCompile(`!\[[^\]]*\]\(([^):]*)\)`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pictures.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(build), " ../docs/*"+filepath.Ext(m[1])+" ") {
				t.Errorf("%s shows %s, and the build of the site does not copy such files", page, m[1])
			}
		}
	}
}
