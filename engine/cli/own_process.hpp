// What both programs see to before anything else, the front (front.cpp) and the engine (main.cpp).
#pragma once

namespace trilock::cli {

// The places of standard input, output and error are taken, so that no file of ours gets one of them and then what is
// said, or what a tool says. As the C library does it for set-user-ID programs: what is read or written there is
// refused. And where memory cannot be had, or an exception would end the program, a message and the exit code of a
// failed environment end it: the next run finds what a kill would leave. Before any thread is started.
void prepare_process();

}  // namespace trilock::cli
