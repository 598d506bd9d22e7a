#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "orchestrator/matching/matcher.hpp"
#include "orchestrator/matching/normalise.hpp"
#include "orchestrator/matching/testing/labelled_set.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

struct Row {
  const char* sentence;
  const char* tool;
  const char* params;
};

std::string route(std::string_view origin, std::string_view destination, std::string_view mode) {
  return json{
      {"origin", {{"address", origin}}}, {"destination", {{"address", destination}}}, {"travelMode", mode}}
      .dump();
}

std::string weather(std::string_view place) {
  return json{{"location", {{"address", place}}}}.dump();
}

class DefaultRules : public ::testing::Test {
 protected:
  void expect(std::string_view sentence, std::string_view tool, std::string_view params) {
    const Decision decision = matcher_.match(normalise_query(sentence));
    ASSERT_TRUE(decision.matched) << sentence << ": " << decision.explanation;
    EXPECT_EQ(decision.method, MatchMethod::rule) << sentence;
    EXPECT_EQ(decision.tool, tool) << sentence;
    EXPECT_EQ(json::parse(decision.params), json::parse(params)) << sentence << ": " << decision.params;
    EXPECT_GE(decision.confidence, 0.7);
  }
  void expect_no_rule(std::string_view sentence) {
    const Decision decision = matcher_.match(normalise_query(sentence));
    EXPECT_EQ(decision.rule, 0U) << sentence << ": " << decision.explanation;
  }

  Matcher matcher_{RuleSet::defaults(),
                   testing::load_tools(GEMINGA_SOURCE_DIR "/tests/data/matching/tools.json")};
};

TEST_F(DefaultRules, Weather) {
  expect("what is the weather in Berlin?", "lookup_weather", weather("Berlin"));
  expect("Hey Gemini, how's the weather in New York today?", "lookup_weather", weather("New York"));
  expect("what's the weather like in Washington, D.C. right now?", "lookup_weather",
         weather("Washington, D.C."));
  expect("weather forecast for San Francisco", "lookup_weather", weather("San Francisco"));
  expect("current temperature in Reykjavik, Iceland", "lookup_weather", weather("Reykjavik, Iceland"));
  expect("how hot is it in Cairo right now", "lookup_weather", weather("Cairo"));
  expect("is it raining in São Paulo?", "lookup_weather", weather("São Paulo"));
  expect("Paris weather", "lookup_weather", weather("Paris"));
  expect("New York weather today", "lookup_weather", weather("New York"));
  // Another day needs a date that a pattern cannot work out; other things have temperatures and forecasts
  // too.
  for (const char* sentence : {"what will the weather in Berlin be tomorrow", "weather in Rome this weekend",
                               "sales forecast for Q3", "temperature of the CPU in the server",
                               "write a poem about the weather in spring", "what is the weather like?"})
    expect_no_rule(sentence);
}

TEST_F(DefaultRules, Routes) {
  expect("how do I get from Berlin to Munich?", "compute_routes", route("Berlin", "Munich", "DRIVE"));
  expect("directions from Times Square to Central Park", "compute_routes",
         route("Times Square", "Central Park", "DRIVE"));
  expect("drive from Seattle to Portland by car", "compute_routes", route("Seattle", "Portland", "DRIVE"));
  expect("from Oslo to Bergen by car", "compute_routes", route("Oslo", "Bergen", "DRIVE"));
  expect("what is the fastest route to Heidelberg from Mannheim", "compute_routes",
         route("Mannheim", "Heidelberg", "DRIVE"));
  expect("how far is it from Boston to Providence?", "compute_routes",
         route("Boston", "Providence", "DRIVE"));
  expect("walking directions from the Louvre to Notre-Dame", "compute_routes",
         route("the Louvre", "Notre-Dame", "WALK"));
  expect("how do I get from the station to the museum on foot?", "compute_routes",
         route("the station", "the museum", "WALK"));
  expect("how long does it take to walk to the beach from the hotel", "compute_routes",
         route("the hotel", "the beach", "WALK"));
  expect("how long does it take to cycle from Amsterdam to Utrecht", "compute_routes",
         route("Amsterdam", "Utrecht", "BICYCLE"));
  expect("route from Freiburg to Basel by bike", "compute_routes", route("Freiburg", "Basel", "BICYCLE"));
  expect("route from Rome to Naples by train", "compute_routes", route("Rome", "Naples", "TRANSIT"));
  expect("which bus goes from Alexanderplatz to Tegel", "compute_routes",
         route("Alexanderplatz", "Tegel", "TRANSIT"));
  for (const char* sentence :
       {"move the file from a.txt to b.txt", "convert 9 am from Berlin to Tokyo time",
        "walk me through the process from start to finish", "create a relation from Alice to Bob",
        "count from one to ten", "read lines from 3 to 7"})
    expect_no_rule(sentence);
}

TEST_F(DefaultRules, RoutesWithoutAStartNameWhatIsMissing) {
  const Decision decision = matcher_.match("directions to the airport");
  EXPECT_FALSE(decision.matched);
  EXPECT_EQ(decision.tool, "compute_routes");
  EXPECT_EQ(decision.missing_arguments, std::vector<std::string>{"origin"});
}

TEST_F(DefaultRules, Places) {
  const auto place = [](std::string_view query) { return json{{"textQuery", query}}.dump(); };
  expect("find a coffee shop near Central Station", "search_places",
         place("coffee shop near Central Station"));
  expect("restaurants in Lisbon", "search_places", place("restaurants in Lisbon"));
  expect("where's the nearest pharmacy?", "search_places", place("nearest pharmacy"));
  expect("are there any good vegan restaurants around Kreuzberg", "search_places",
         place("good vegan restaurants around Kreuzberg"));
  expect("show me museums in Vienna.", "search_places", place("museums in Vienna"));
  expect("where is the Eiffel Tower", "search_places", place("Eiffel Tower"));
  for (const char* sentence :
       {"where is my file", "where is the README", "find a python library in the repository",
        "closest integer to 3.7", "list files in the bank folder"})
    expect_no_rule(sentence);
}

TEST_F(DefaultRules, EventsAndWebSearch) {
  const auto search = [](std::string_view query) { return json{{"query", query}}.dump(); };
  expect("events in Berlin this weekend", "web_search_exa", search("events in Berlin this weekend"));
  expect("what concerts are in Hamburg next month?", "web_search_exa",
         search("what concerts are in Hamburg next month"));
  expect("things to do in Porto", "web_search_exa", search("things to do in Porto"));
  expect("search the web for learned indexes", "web_search_exa", search("learned indexes"));
  expect("Look up the history of espresso on the internet", "web_search_exa",
         search("the history of espresso"));
  expect("search online for cheap flights", "web_search_exa", search("cheap flights"));
  expect("google noise cancelling headphones", "web_search_exa", search("noise cancelling headphones"));
  expect("tell me the latest news about the James Webb telescope", "web_search_exa",
         search("latest news about the James Webb telescope"));
  for (const char* sentence : {"search for files matching *.cpp", "search the knowledge graph for coffee",
                               "show the events in the log file today", "look up the entity Alice"})
    expect_no_rule(sentence);
}

TEST_F(DefaultRules, VisitingASite) {
  const auto visit = [](std::string_view url) { return json{{"url", url}}.dump(); };
  expect("visit https://example.com", "browser_navigate", visit("https://example.com"));
  expect("please open https://example.com/a?b=c&d=e#f.", "browser_navigate",
         visit("https://example.com/a?b=c&d=e#f"));
  expect("open the website www.debian.org", "browser_navigate", visit("https://www.debian.org"));
  expect("go to example.org/about", "browser_navigate", visit("https://example.org/about"));
  expect("navigate to http://127.0.0.1:8000/", "browser_navigate", visit("http://127.0.0.1:8000/"));
  for (const char* sentence :
       {"open notes.txt", "open the file main.cpp", "fetch https://example.com/page.html", "load song.mp3"})
    expect_no_rule(sentence);
}

TEST_F(DefaultRules, DoNothingWhereTheirToolsAreNot) {
  const Matcher none(RuleSet::defaults(), {});
  for (const char* sentence : {"weather in Berlin", "visit https://example.com", "restaurants in Lisbon"})
    EXPECT_EQ(none.match(sentence).rule, 0U) << sentence;
}

}  // namespace
}  // namespace geminga::orchestrator
