package service

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	New(Build{Version: "1.2.3", Libc: "static"}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

func TestHealthz(t *testing.T) {
	answer := get(t, "/healthz")
	if answer.Code != http.StatusOK {
		t.Fatalf("status: want 200, got %d", answer.Code)
	}
	if want := `"healthy":true`; !strings.Contains(answer.Body.String(), want) {
		t.Errorf("body: want %s in it, got %s", want, answer.Body)
	}
}

func TestVersion(t *testing.T) {
	var got Build
	if err := json.Unmarshal(get(t, "/version").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := Build{Version: "1.2.3", Libc: "static", Go: runtime.Version()}
	if got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
}

func TestUnknownPath(t *testing.T) {
	if got := get(t, "/nothing").Code; got != http.StatusNotFound {
		t.Errorf("status: want 404, got %d", got)
	}
}
