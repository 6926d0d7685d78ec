// Package bench measures secretsync: by counts that do not depend on the machine in every test
// run, and by time beside other clients in make bench.
package bench

import (
	"encoding/json"
	"os"
	"runtime"
	"testing"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/secretsync/secretsync/test/program"
)

// allocationsFile is the environment variable that names the file for the allocations of the
// program "counted".
const allocationsFile = "BENCH_ALLOCATIONS"

// allocations are those of a process since its packages were initialized.
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
