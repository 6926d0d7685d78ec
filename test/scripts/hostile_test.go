package scripts

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

type trapKey struct{}

// setTrap listens at an address to which no program under test may ever connect. It plays
// every key server, in KEYSERVER and in the variables of cloud clients.
func setTrap(env *testscript.Env) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	connections, done := new(atomic.Int32), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	env.Defer(func() { l.Close(); <-done })
	env.Values[trapKey{}] = connections
	env.Setenv("KEYSERVER", "http://"+l.Addr().String())
	return nil
}

func checkConnections(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 0 {
		ts.Fatalf("usage: connections")
	}
	if n := ts.Value(trapKey{}).(*atomic.Int32).Load(); (n > 0) == neg {
		ts.Fatalf("%d connections to the key server", n)
	}
}

// plantKeys adds key servers to a SOPS file, or to the key of a lockfile.
func plantKeys(ts *testscript.TestScript, _ bool, args []string) {
	alone := args[0] == "alone"
	path, types, url := ts.MkAbs(args[1]), args[2:], ts.Getenv("KEYSERVER")
	data, err := os.ReadFile(path)
	ts.Check(err)
	if filepath.Ext(path) != ".lock" {
		data, err = sopstest.Plant(filepath.Base(path), data, url, alone, types...)
	} else {
		data, err = plantInLock(data, url, alone, types)
	}
	ts.Check(err)
	ts.Check(os.WriteFile(path, data, 0o600))
}

func plantInLock(data []byte, url string, alone bool, types []string) ([]byte, error) {
	var lock, key map[string]json.RawMessage
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	err := json.Unmarshal(lock["fingerprint_key"], &key)
	if err != nil {
		return nil, err
	}
	if key["sealed"], err = sopstest.Plant("x.json", key["sealed"], url, alone, types...); err != nil {
		return nil, err
	}
	if lock["fingerprint_key"], err = json.Marshal(key); err != nil {
		return nil, err
	}
	return json.Marshal(lock)
}
