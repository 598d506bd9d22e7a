// The program of Pulsar's Go client: runs the tests, or those that are named, and prints one JSON line for each; or it is a worker of faults.py.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

const testFor = 60 * time.Second

// test of the feature of that name in features.toml.
type test struct {
	feature string
	run     func(*Lab)
}

type line struct {
	Feature string `json:"feature"`
	Result  string `json:"result"`
	Detail  string `json:"detail"`
	Ms      int64  `json:"ms"`
}

func body(each test, done chan<- string) {
	defer func() {
		if thrown := recover(); thrown != nil {
			done <- strings.ReplaceAll(fmt.Sprint(thrown), "\n", " ")
			return
		}
		done <- ""
	}()
	lab := newLab(each.feature)
	defer lab.close()
	each.run(lab)
}

func run(each test) {
	began := time.Now()
	done := make(chan string, 1)
	go body(each, done)
	var detail string
	select {
	case detail = <-done:
	case <-time.After(testFor):
		detail = fmt.Sprintf("did not end within %v", testFor)
	}
	result := "pass"
	if detail != "" {
		result = "fail"
	}
	text, _ := json.Marshal(line{each.feature, result, detail, time.Since(began).Milliseconds()})
	fmt.Println(string(text))
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "work" {
		work(os.Args[2:])
		return
	}
	for _, each := range slices.Concat(messages, acknowledgements, producers, subscriptions, positions, topics, connections) {
		if len(os.Args) == 1 || slices.Contains(os.Args[1:], each.feature) {
			run(each)
		}
	}
}
