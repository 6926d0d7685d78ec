// Package bench measures secretsync. Every test run checks counts that do not depend on the machine;
// make bench measures time, compared with other clients.
package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/secretsync/secretsync/test/program"
)

// allocationsFile is the environment variable that names the file for the allocations of the
// program "counted".
const allocationsFile = "BENCH_ALLOCATIONS"

// allocations are a process's allocations since its packages were initialized.
type allocations struct{ Times, Bytes uint64 }

func TestMain(m *testing.M) {
	program.Main(m, map[string]func(){"counted": counted})
}

// counted is secretsync, and reports what it allocated.
func counted() {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	code := cli.Main()
	runtime.ReadMemStats(&after)
	data, err := json.Marshal(allocations{after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc})
	if err == nil {
		err = os.WriteFile(os.Getenv(allocationsFile), data, 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

// manifests are the files of a manifest with a number of secrets in one store, at most 5,000 in a
// file. The value of the first is in the environment variable FIRST, that of the others in OTHERS.
func manifests(secrets int) map[string]string {
	files := map[string]string{"secretsync.yaml": "version: 1\ninclude: [part-*.yaml]\nstores: {prod: {}}\n"}
	const most = 5000
	for first := 0; first == 0 || first < secrets; first += most {
		var part strings.Builder
		part.WriteString("version: 1\nstores:\n  prod:\n    secrets:")
		if secrets == 0 {
			part.WriteString(" {}")
		}
		part.WriteString("\n")
		for i := first; i < min(first+most, secrets); i++ {
			value := "OTHERS"
			if i == 0 {
				value = "FIRST"
			}
			fmt.Fprintf(&part, "      secret-%06d: {from: {env: %s}, comment: secret %[1]d}\n", i, value)
		}
		files[fmt.Sprintf("part-%06d.yaml", first)] = part.String()
	}
	return files
}
