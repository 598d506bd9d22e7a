#include "cli/verb.hpp"

int main(int argc, char** argv) {
  return geminga::cli::run_program(geminga::cli::program(), argc, argv);
}
