// Package s3test is an object store with the API of S3, in memory, for tests.
package s3test

import (
	"net/http"
	"os"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// New is a store with empty buckets of these names. It checks no signatures.
func New(buckets ...string) http.Handler {
	backend := s3mem.New()
	for _, name := range buckets {
		if err := backend.CreateBucket(name); err != nil {
			panic(err) // two have the same name
		}
	}
	return gofakes3.New(backend).Server()
}

// Environment is the environment variables that secretsync needs to use a store at a URL, and those
// that keep the settings of this machine out.
func Environment(url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test-id", "AWS_SECRET_ACCESS_KEY": "test-secret",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
	}
}
