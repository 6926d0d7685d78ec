//go:build recipes

package recipes

import (
	"debug/elf"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestImage checks what can be checked of the Dockerfile without Docker: the context
// contains all that the build needs, and the binary needs no file of the image.
func TestImage(t *testing.T) {
	ignore, err := os.ReadFile("../.dockerignore")
	must(t, err)
	var kept []string
	for line := range strings.Lines(string(ignore)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			kept = append(kept, name)
			if _, err := os.Stat("../" + name); err != nil {
				t.Errorf(".dockerignore keeps something that does not exist: %v", err)
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, "../cmd/secretsync").Output()
	must(t, err)
	for path := range strings.Lines(string(out)) {
		path, ours := strings.CutPrefix(strings.TrimSpace(path), "github.com/secretsync/secretsync/")
		if folder, _, _ := strings.Cut(path, "/"); ours && !slices.Contains(kept, folder) {
			t.Errorf(".dockerignore leaves out %s", path)
		}
	}

	dockerfile, err := os.ReadFile("../Dockerfile")
	must(t, err)
	released, err := os.ReadFile("../packaging/Dockerfile")
	must(t, err)
	for _, line := range []string{
		"FROM scratch\n", "COPY LICENSE ", "THIRD_PARTY_LICENSES.txt /", "USER 65532:65532\n", "ca-certificates.crt", `ENTRYPOINT ["/secretsync"]`,
	} {
		if !strings.Contains(string(dockerfile), line) || !strings.Contains(string(released), line) {
			t.Errorf("a Dockerfile lacks %q", line)
		}
	}
	for _, line := range []string{"RUN CGO_ENABLED=0 go build ", `org.opencontainers.image.licenses="Apache-2.0"`} {
		if !strings.Contains(string(dockerfile), line) {
			t.Errorf("the Dockerfile lacks %q", line)
		}
	}
	if runtime.GOOS != "linux" {
		t.Skip("the program is not a Linux program here")
	}
	binary, err := elf.Open(program(t)) // built with CGO_ENABLED=0, as the image's
	must(t, err)
	defer binary.Close()
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the program needs a dynamic linker, which the image lacks")
		}
	}
}
