#include "orchestrator/matching/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/matching/query_terms.hpp"
#include "orchestrator/matching/stem.hpp"

namespace geminga::orchestrator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Stem, BringsTheFormsOfAWordTogether) {
  const std::vector<std::vector<std::string>> families = {{"directory", "directories"},
                                                          {"list", "lists", "listed", "listing"},
                                                          {"allow", "allows", "allowed", "allowing"},
                                                          {"file", "files", "filed"},
                                                          {"create", "creates", "created", "creating"},
                                                          {"move", "moves", "moved", "moving"},
                                                          {"run", "runs", "running"},
                                                          {"write", "writes", "writing"},
                                                          {"rename", "renames", "renamed", "renaming"},
                                                          {"access", "accesses"},
                                                          {"compute", "computed", "computing"},
                                                          {"entity", "entities"},
                                                          {"query", "queries"},
                                                          {"agree", "agreed"},
                                                          {"control", "controll", "controlling"}};
  for (const auto& family : families)
    for (const std::string& word : family) EXPECT_EQ(stem(word), stem(family.front())) << word;
}

TEST(Stem, KeepsDifferentWordsApart) {
  const std::pair<const char*, const char*> pairs[] = {{"graph", "graphic"}, {"environment", "environ"},
                                                       {"time", "timezone"}, {"sing", "sink"},
                                                       {"read", "ready"},    {"access", "accent"}};
  for (const auto& [one, other] : pairs) EXPECT_NE(stem(one), stem(other)) << one;
  EXPECT_EQ(stem("sing"), "sing");  // no vowel would be left
  EXPECT_EQ(stem("bed"), "bed");
}

TEST(Stem, LeavesShortWordsNumbersAndOtherScriptsAlone) {
  for (const char* word : {"", "s", "is", "a1ing", "base64", "straße", "日本s", "UPPERS"})
    EXPECT_EQ(stem(word), word);
}

TEST(Terms, SplitsIdentifiersAndDropsStopWords) {
  EXPECT_THAT(terms_of("list_allowed_directories"), ElementsAre("list", "allow", "directori"));
  EXPECT_THAT(terms_of("getTinyImage"), ElementsAre("get", "tini", "imag"));
  EXPECT_THAT(terms_of("get-structured-content"), ElementsAre("get", "structur", "content"));
  EXPECT_THAT(terms_of("HTTPServer2 parseJSON"), ElementsAre("http", "server2", "pars", "json"));
  EXPECT_THAT(terms_of("Please show me what is in the graph!"), ElementsAre("graph"));
  EXPECT_THAT(terms_of("the of and"), IsEmpty());
  EXPECT_THAT(terms_of(""), IsEmpty());
  EXPECT_THAT(terms_of("echo echo"), ElementsAre("echo", "echo"));
  EXPECT_THAT(terms_of("Größe"), ElementsAre("größe"));
}

std::vector<std::string> values(std::string_view sentence) {
  std::vector<std::string> found;
  for (const QueryTerm& term : query_terms(read_sentence(sentence)))
    if (term.value) found.push_back(term.word);
  return found;
}

TEST(QueryTerms, EachOnce) {
  std::vector<std::string> terms;
  for (const QueryTerm& term : query_terms(read_sentence("list files, LIST the File")))
    terms.push_back(term.term);
  EXPECT_THAT(terms, ElementsAre("list", "file"));
}

TEST(QueryTerms, TellsValuesFromWords) {
  EXPECT_THAT(values("sum 12 and 30"), ElementsAre("12", "30"));
  EXPECT_THAT(values("time in Tokyo now"), ElementsAre("Tokyo"));
  EXPECT_THAT(values("Read /srv/notes today"), ElementsAre("srv", "notes"));
  EXPECT_THAT(values("open report.pdf."), ElementsAre("report", "pdf"));
  EXPECT_THAT(values("stop here. please"), IsEmpty());
  EXPECT_THAT(values("mail ann@example.org"), ElementsAre("ann", "example", "org"));
  EXPECT_THAT(values("use `read_graph` or \"echo\""), ElementsAre("read", "graph", "echo"));
}

TEST(QueryTerms, LeavesQuotedTextOut) {
  EXPECT_THAT(query_terms(read_sentence("\"read the graph\"")), IsEmpty());
  EXPECT_THAT(query_terms(read_sentence("'delete all files'")), IsEmpty());
  EXPECT_EQ(query_terms(read_sentence("echo \"read the graph\"")).size(), 1U);
  EXPECT_EQ(query_terms(read_sentence("the dog's bone and the cat's milk")).size(), 4U)
      << "an apostrophe is no quote";
  EXPECT_EQ(query_terms(read_sentence("a lone \" quote")).size(), 2U);
}

TEST(QueryTerms, TakesAnyBytes) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  (void)query_terms(read_sentence(all));
  (void)query_terms(read_sentence(std::string(100'000, '"')));
}

}  // namespace
}  // namespace geminga::orchestrator
