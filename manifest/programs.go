package manifest

import (
	"bytes"
	"path/filepath"
	"strings"
)

// knownProgram is what is known of a program that people keep secrets with.
type knownProgram struct {
	// signIn is what to do where its session has ended.
	signIn string
	// absent is what it prints, with exit code 0, where there is no value; empty if it fails then.
	absent string
	// instead is what to do in that case.
	instead string
}

// knownPrograms are known by their names (docs/values-from.md).
var knownPrograms = map[string]knownProgram{
	"op":      {signIn: "op signin, or OP_SERVICE_ACCOUNT_TOKEN"},
	"vault":   {signIn: "vault login, or VAULT_TOKEN"},
	"bao":     {signIn: "bao login, or BAO_TOKEN"},
	"gcloud":  {signIn: "gcloud auth login, or CLOUDSDK_AUTH_ACCESS_TOKEN"},
	"doppler": {signIn: "doppler login, or DOPPLER_TOKEN"},
	"aws": {
		signIn: "aws sso login, or AWS_PROFILE or credentials in the environment",
		absent: "None", instead: "that is null: look for the field that --query names; a binary secret has SecretBinary, which is printed as base64",
	},
	"az": {signIn: "az login", absent: "None", instead: "that is null: look for the field that --query names"},
	"kubectl": {
		signIn: "kubectl auth whoami shows who you are", absent: "<no value>", instead: "look for the key that the template names",
	},
	"jq": {absent: "null", instead: "look for the key that the filter names; with -e, jq fails where there is none"},
	"yq": {absent: "null", instead: "look for the key that the expression names; with -e, yq fails where there is none"},
}

func known(argv []string) knownProgram {
	return knownPrograms[strings.TrimSuffix(filepath.Base(argv[0]), ".exe")]
}

// signIn is the end of a hint: what to do where a program's session has ended.
func signIn(argv []string) string {
	if todo := known(argv).signIn; todo != "" {
		return "; if it is not signed in: " + todo
	}
	return ""
}

// standInError is for a text that a program prints where there is no value.
type standInError struct{ text, hint string }

func (e *standInError) Error() string { return e.text + " instead of a value" }

// standIn refuses what a program prints in place of a value that it does not have: sent as the
// value, it would replace a secret that works.
func standIn(argv []string, output []byte) error {
	if p := known(argv); p.absent != "" && string(bytes.TrimRight(output, "\r\n")) == p.absent {
		return &standInError{p.absent, p.instead}
	}
	return nil
}
