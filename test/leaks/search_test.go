package leaks

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/secretsync/secretsync/test/program"
)

// search looks for canaries in everything it is given. It is safe for concurrent use.
type search struct {
	learning sync.RWMutex // for needles and maybe, which session keys are added to
	needles  map[[6]byte][]needle
	maybe    []uint64 // one bit per hash of a needle's beginning: rules out most of the text quickly
	pieces   int
	runs     atomic.Int64

	mu     sync.Mutex
	places int
	size   int
	leaks  []string
	// commands are the commands that were run.
	commands map[string]bool
}

// needle is a value in one encoding.
type needle struct {
	text []byte
	what string
}

const filterBits = 1 << 20

func newSearch(values []canary) *search {
	s := &search{commands: map[string]bool{}, needles: map[[6]byte][]needle{}, maybe: make([]uint64, filterBits/64)}
	for _, c := range values {
		s.learn(c)
	}
	return s
}

// learn makes s look for a value from now on.
func (s *search) learn(c canary) {
	s.learning.Lock()
	defer s.learning.Unlock()
	for _, e := range encodings() {
		for _, text := range e.of(c.value) {
			if len(text) >= e.least {
				s.add(text, c.name+" as "+e.name)
			}
		}
	}
	for _, piece := range c.pieces() {
		s.add(piece, "a piece of "+c.name)
		s.pieces++
	}
}

func (s *search) add(text, what string) {
	start := [6]byte([]byte(text))
	for _, n := range s.needles[start] {
		if string(n.text) == text {
			return
		}
	}
	s.needles[start] = append(s.needles[start], needle{[]byte(text), what})
	h := hash6(text)
	s.maybe[h/64] |= 1 << (h % 64)
}

func hash6[T string | []byte](b T) uint64 {
	x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40
	return x * 0x9e3779b97f4a7c15 >> 44 % filterBits
}

// look searches text from one place. One leak of each kind is reported.
func (s *search) look(place string, content []byte) {
	found := map[string]bool{}
	s.learning.RLock()
	defer s.learning.RUnlock()
	for i := 0; i+6 <= len(content); i++ {
		h := hash6(content[i : i+6])
		if s.maybe[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, n := range s.needles[[6]byte(content[i:i+6])] {
			if bytes.HasPrefix(content[i:], n.text) {
				found[n.what] = true
			}
		}
	}
	for what := range found {
		s.leak("%s: %s", place, what)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places++
	s.size += len(content)
}

func (s *search) leak(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaks = append(s.leaks, fmt.Sprintf(format, args...))
}

// running records that a command is run.
func (s *search) running(args []string) {
	if cmd, _, err := program.Root().Find(args); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.commands[cmd.CommandPath()] = true
	}
}

func (s *search) ran(command string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commands[command]
}
