package scripts

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
	"github.com/secretsync/secretsync/test/program"
)

var update = flag.Bool("u", false, "rewrite the expectations of the scripts")

func TestMain(m *testing.M) { program.Main(m) }

type serverKey struct{}

// troubled is an emulator whose faults can be changed while it runs.
type troubled struct {
	*emulator.Embedded
	mu    sync.Mutex
	fault func(*http.Request) emulator.Fault
	came  map[string]bool // methods and last path segments of the requests received
	upon  map[string]func()
	ahead atomic.Int64 // of the clock, in nanoseconds
}

// start starts an empty emulator with the script's faults and clock.
func (e *troubled) start(opts emulator.Options) (err error) {
	opts.Fault, opts.Now = e.decide, e.now
	e.Embedded, err = emulator.Listen(context.Background(), "127.0.0.1:0", opts)
	return err
}

// now is the emulator's clock.
func (e *troubled) now() time.Time { return time.Now().Add(time.Duration(e.ahead.Load())) }

func later(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Value(serverKey{}).(*troubled).ahead.Add(int64(d))
}

func (e *troubled) decide(r *http.Request) emulator.Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range []string{r.Method + " " + path.Base(r.URL.Path), r.Method + " *"} {
		if do := e.upon[name]; do != nil {
			delete(e.upon, name)
			do()
		}
	}
	e.came[r.Method+" "+path.Base(r.URL.Path)], e.came[r.Method+" *"] = true, true
	if e.fault == nil {
		return emulator.Fault{}
	}
	return e.fault(r)
}

func setFault(ts *testscript.TestScript, _ bool, args []string) {
	fault, err := faultrule.Parse(args...)
	ts.Check(err)
	e := ts.Value(serverKey{}).(*troubled)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = fault
	clear(e.came)
}

// TestScripts runs testdata/scripts: each is a user at a shell, with an emulator of their
// own that the usual variables point to. Besides testscript's own commands:
//
//	restart [OPTION=N ...]       start with an empty emulator; options: stores, secrets, page, pending (milliseconds);
//	                             token=TOKEN=PERMISSION,... and keep-values as with the command emulator
//	fault RULE                   make requests fail from now on, as emulator --fault does
//	later DURATION               the emulator's clock goes on by so much
//	await METHOD NAME            wait for such a request since the last fault, with a path that ends in
//	                             /NAME; * for any
//	upon METHOD NAME PROGRAM ARGS...
//	                             run a program when the next such request comes in, before it is answered
//	requests N [METHOD=N ...]    there were N requests since the last call, and N of each METHOD
//	value STORE/SECRET TEXT      the secret's value is TEXT, byte for byte
//	valuefile STORE/SECRET FILE  the secret's value is FILE's content, byte for byte
//	exits CODE PROGRAM ARGS...   exec, with this exit code
//	dashboard ARGS...            a change that a colleague makes by hand
//	agekey FILE                  generate an age key; SOPS_AGE_KEY_FILE and AGE_RECIPIENT name it
//	sops FILE                    encrypt FILE in place for AGE_RECIPIENT
//	sopsedit set FILE KEY VALUE | rotate FILE | updatekeys FILE
//	                             what the sops command line does to an encrypted file
//	plant beside|alone FILE TYPE...
//	                             add keys of these types to a SOPS file or a lockfile's key; KEYSERVER is their address
//	connections                  a client connected to KEYSERVER
//	nbytes FILE N                write a file of N bytes
//	s3 start                     start an object store with a bucket named bucket; the usual variables point to it
//	s3 requests [N [METHOD=N ...]]
//	                             there were N requests to it since the last call, and N of each METHOD
//	s3 put KEY FILE | get KEY FILE
//	                             write or read an object
//	s3 answer STATUS CODE [REGION] | careless [PREFIX] | well
//	                             from now on it answers with this error, ignores conditions, or works
//	webhook start                start a server that takes messages; WEBHOOK is the address to send them to
//	webhook answer STATUS [HEADER VALUE]
//	                             from now on it answers so
//	webhook together N           it answers the next N requests once all of them are under way, and else refuses them
//	webhook received N [FILE]    N messages came since the last call; write them to FILE
func TestScripts(t *testing.T) {
	// A signal that this process ignores, as under nohup, is ignored by the programs that it runs.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("..", "..", "testdata", "scripts"), UpdateScripts: *update, RequireExplicitExec: true,
		RequireUniqueNames: true,
		Setup:              startEmulator,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"restart": restartEmulator, "later": later, "fault": setFault, "await": await, "upon": upon,
			"requests": countRequests, "value": checkValue, "valuefile": checkValueFile,
			"dashboard": dashboard, "exits": exits,
			"agekey": makeAgeKey, "sops": encryptFile, "sopsedit": editSOPS, "nbytes": makeBytes,
			"plant": plantKeys, "connections": checkConnections, "s3": useBucket, "webhook": useWebhook,
		},
	})
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	e := ts.Value(serverKey{}).(*troubled)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		e.mu.Lock()
		came := e.came[args[0]+" "+args[1]]
		e.mu.Unlock()
		if came {
			return
		}
	}
	ts.Fatalf("no %s .../%s came", args[0], args[1])
}

func startEmulator(env *testscript.Env) error {
	if err := setTrap(env); err != nil {
		return err
	}
	e := &troubled{came: map[string]bool{}, upon: map[string]func(){}}
	if err := e.start(emulator.Options{}); err != nil {
		return err
	}
	env.Defer(func() { e.Stop() })
	env.Values[serverKey{}] = e
	env.Setenv("HOME", env.WorkDir+".home") // beside the files that scripts list; created by who needs it
	env.Setenv("CLOUDFLARE_API_BASE_URL", e.BaseURL())
	env.Setenv("CLOUDFLARE_API_TOKEN", "script-token")
	env.Setenv("CLOUDFLARE_ACCOUNT_ID", program.Account)
	return nil
}

func server(ts *testscript.TestScript) *emulator.Embedded {
	return ts.Value(serverKey{}).(*troubled).Embedded
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

func checkValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: value STORE/SECRET TEXT")
	}
	store, name, _ := strings.Cut(args[0], "/")
	if has := server(ts).HasValue(program.Account, store, name, []byte(args[1])); has == neg {
		ts.Fatalf("%s has this value: %v", args[0], has)
	}
}

func checkValueFile(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: valuefile STORE/SECRET FILE")
	}
	checkValue(ts, neg, []string{args[0], ts.ReadFile(args[1])})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != number(ts, args[0]) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func makeBytes(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: nbytes FILE N")
	}
	b := make([]byte, number(ts, args[1]))
	for i := range b {
		b[i] = byte('!' + i%90)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}
