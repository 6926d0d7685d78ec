//go:build linux

// Command measure runs a program, and writes what it used to a file as JSON:
//
//	measure FILE PROGRAM ARGUMENT...
//
// It is a process of its own because Linux counts the memory of the starting process as the
// program's: the suite, which has the emulator's state, would be the peak of every measurement.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// usage is what [main] writes.
type usage struct {
	Exit    int
	Wall    time.Duration
	CPU     time.Duration // user and system
	Peak    int64         // bytes of memory
	Written int64         // bytes to disks, in whole pages
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(file, program string, args []string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return err
	}
	used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system reports no resource usage")
	}
	const block, kilobyte = 512, 1024
	data, err := json.Marshal(usage{
		Exit: cmd.ProcessState.ExitCode(), Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Peak: used.Maxrss * kilobyte, Written: used.Oublock * block,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
