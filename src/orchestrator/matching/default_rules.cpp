#include "orchestrator/matching/default_rules.hpp"

namespace geminga::orchestrator {

// The order counts: the first rule whose tool exists and whose required arguments are filled wins.
const std::string_view kDefaultRules =
    R"toml(# Built-in rules. A rules.toml given with --rules stands in their place; docs/matching.md says how to write one.

# --- visiting a site: browser_navigate {url} ---
[[rule]]
pattern = '''\b(?:visit|open|go to|navigate to|browse(?: to)?|load|take me to|show me)\s+(?:(?:the|this|my)\s+)?(?:(?:web\s?)?(?:site|page|url|link|address)\s+)?(?:at\s+|of\s+)?["'<]?(?P<url>https?://[^\s"'<>]*[^\s"'<>.,;:!?)\]])'''
tool = "browser_navigate"
confidence = 0.95
params = { url = "${url}" }

[[rule]]
pattern = '''\b(?:visit|open|go to|navigate to|browse(?: to)?|load|take me to|show me)\s+(?:(?:the|this|my)\s+)?(?:(?:web\s?)?(?:site|page|url|link|address)\s+)?(?:at\s+|of\s+)?["'<]?(?P<host>(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|edu|gov|info|app|ai|co|eu|uk|de|fr|es|it|nl|ch|at|pl|se|no|jp|cn|br|ca|au|us)(?::\d+)?(?:/[^\s"'<>]*[^\s"'<>.,;:!?)\]])?)(?:[\s"'>.,;:!?)]|$)'''
tool = "browser_navigate"
confidence = 0.9
params = { url = "https://${host}" }

# --- weather now: lookup_weather {location: {address}}. Other days need a date, which a pattern cannot work out. ---
[[rule]]
pattern = '''(?:\b(?:weather|forecast|temperature)\b|\bhow (?:hot|cold|warm|humid|windy) is it\b|\bis it (?:hot|cold|warm|humid|windy|sunny|cloudy|raining|snowing)\b).*?\b(?:in|for|at|near|around)\s+(?P<place>[^?!]+?)(?:,?\s+(?:right now|now|today|currently|at the moment|please|like))*[\s?!.]*$'''
unless = '''\b(?:tomorrow|tonight|weekend|week|next|later|yesterday|last|month|(?:mon|tues|wednes|thurs|fri|satur|sun)day|hours?|days?|sales|revenue|budget|demand|cash|oven|cpu|gpu|body|convert|celsius|fahrenheit|kelvin|poem|story|here|there)\b'''
tool = "lookup_weather"
confidence = 0.95
params = { location = { address = "${place}" } }

[[rule]]
pattern = '''(?P<place>(?-i:\p{Lu}[\pL.'-]+(?:,? \p{Lu}[\pL.'-]+)*)),? (?:weather|temperature)(?: (?:forecast|right now|now|today|currently|please))*[\s?!.]*$'''
unless = '''\b(?:current|local|latest|show|get|check|tell|give|the|my|nice|bad|good|stormy|oven|cpu|gpu|body) (?:weather|temperature)\b'''
tool = "lookup_weather"
confidence = 0.85
params = { location = { address = "${place}" } }

# --- routes: compute_routes {origin: {address}, destination: {address}, travelMode} ---
[[rule]]
pattern = '''(?:\b(?:walk|walking)\b.*?\bfrom\s+(?P<o1>.+?)\s+to\s+(?P<d1>.+?)|\b(?:walk|walking)\b.*?\bto\s+(?P<d2>.+?)\s+from\s+(?P<o2>.+?)|\bfrom\s+(?P<o3>.+?)\s+to\s+(?P<d3>.+?),?\s+(?:on foot|by foot|walking))[\s?!.]*$'''
unless = '''\bwalk (?:me|us|you) through\b|\b(?:files?|folders?|director(?:y|ies)|tree|convert|rename|copy)\b'''
tool = "compute_routes"
confidence = 0.9
params = { origin = { address = "${o1}${o2}${o3}" }, destination = { address = "${d1}${d2}${d3}" }, travelMode = "WALK" }

[[rule]]
pattern = '''(?:\b(?:cycle|cycling|bike|biking|bicycle)\b.*?\bfrom\s+(?P<o1>.+?)\s+to\s+(?P<d1>.+?)|\b(?:cycle|cycling|bike|biking|bicycle)\b.*?\bto\s+(?P<d2>.+?)\s+from\s+(?P<o2>.+?)|\bfrom\s+(?P<o3>.+?)\s+to\s+(?P<d3>.+?),?\s+(?:by|on|with)\s+(?:a\s+|my\s+)?(?:bike|bicycle))[\s?!.]*$'''
unless = '''\b(?:files?|folders?|director(?:y|ies)|convert|rename|copy)\b'''
tool = "compute_routes"
confidence = 0.9
params = { origin = { address = "${o1}${o2}${o3}" }, destination = { address = "${d1}${d2}${d3}" }, travelMode = "BICYCLE" }

[[rule]]
pattern = '''(?:\b(?:transit|public transport|bus|train|subway|metro|underground|tram)\b.*?\bfrom\s+(?P<o1>.+?)\s+to\s+(?P<d1>.+?)|\b(?:transit|public transport|bus|train|subway|metro|underground|tram)\b.*?\bto\s+(?P<d2>.+?)\s+from\s+(?P<o2>.+?)|\bfrom\s+(?P<o3>.+?)\s+to\s+(?P<d3>.+?),?\s+(?:by|on|with|using|via)\s+(?:a\s+|the\s+)?(?:transit|public transport|bus|train|subway|metro|underground|tram))[\s?!.]*$'''
unless = '''\b(?:files?|folders?|director(?:y|ies)|convert|rename|copy|event bus|model)\b'''
tool = "compute_routes"
confidence = 0.9
params = { origin = { address = "${o1}${o2}${o3}" }, destination = { address = "${d1}${d2}${d3}" }, travelMode = "TRANSIT" }

[[rule]]
pattern = '''(?:\b(?:directions?|route|drive|driving|by car|how (?:do|can|should) (?:i|we) (?:get|go)|how (?:far|long)|travel|distance|navigate)\b.*?\bfrom\s+(?P<o1>.+?)\s+to\s+(?P<d1>.+?)|\b(?:directions?|route|drive|driving|how (?:do|can|should) (?:i|we) (?:get|go)|how (?:far|long)|travel|navigate)\b.*?\bto\s+(?P<d2>.+?)\s+from\s+(?P<o2>.+?)|\bfrom\s+(?P<o3>.+?)\s+to\s+(?P<d3>.+?),?\s+by\s+(?:car|taxi))(?:,?\s+(?:by|with|in)\s+(?:a\s+|my\s+)?(?:car|taxi))?[\s?!.]*$'''
unless = '''\b(?:files?|folders?|director(?:y|ies)|entit(?:y|ies)|relations?|convert|rename|copy|move|translate|time ?zones?|branch|count|numbers?|back in time)\b|^(?:(?:please|can you)\s+)*(?:get|go|fetch|read|write|send|sum|add|list|show|search|find|call|run)\b'''
tool = "compute_routes"
confidence = 0.85
params = { origin = { address = "${o1}${o2}${o3}" }, destination = { address = "${d1}${d2}${d3}" }, travelMode = "DRIVE" }

# Without a start: the answer is a plan that says which argument is missing.
[[rule]]
pattern = '''\b(?:directions?|route|how (?:do|can|should) (?:i|we) (?:get|drive|go)|take me|navigate(?: me)?)\s+to\s+(?P<destination>[^?!]+?)[\s?!.]*$'''
unless = '''\b(?:from|files?|folders?|director(?:y|ies)|page|site|line)\b|https?:'''
tool = "compute_routes"
confidence = 0.8
params = { destination = { address = "${destination}" }, travelMode = "DRIVE" }

# --- events: web_search_exa {query} ---
[[rule]]
pattern = '''^(?P<query>.*\b(?:events|concerts?|festivals?|exhibitions?|meetups?|conferences?|things to do|what is (?:on|happening))\b.*?\b(?:in|near|around|at|this|next|tonight|today|tomorrow|weekend)\b.*?)[\s?!.]*$'''
unless = '''\b(?:logs?|calendar|queue|topic|database|table|entit(?:y|ies)|graph|files?|folders?|streams?|handlers?|bus|loop)\b'''
tool = "web_search_exa"
confidence = 0.85
params = { query = "${query}" }

# --- web search: web_search_exa {query} ---
[[rule]]
pattern = '''^(?:(?:please|can you|could you)\s+)*(?:search|browse|look|check)\s+(?:on\s+)?(?:the\s+)?(?:web|internet|net|online)\s+(?:for\s+|about\s+|to find\s+)?(?P<query>.+?)[\s?!.]*$'''
tool = "web_search_exa"
confidence = 0.95
params = { query = "${query}" }

[[rule]]
pattern = '''^(?:(?:please|can you|could you)\s+)*(?:search|look|find|google)(?:\s+(?:for|up|out))?\s+(?P<query>.+?)\s+(?:(?:on|in|over|from)\s+the\s+(?:web|internet|net)|online)[\s?!.]*$'''
tool = "web_search_exa"
confidence = 0.95
params = { query = "${query}" }

[[rule]]
pattern = '''^(?:(?:please|can you|could you)\s+)*(?:google|web search(?: for)?|search google for)\s+(?P<query>.+?)[\s?!.]*$'''
tool = "web_search_exa"
confidence = 0.9
params = { query = "${query}" }

[[rule]]
pattern = '''\b(?P<query>(?:latest|recent|breaking|current)\s+news\s+(?:about|on|from|of|in|regarding)\s+.+?)[\s?!.]*$'''
tool = "web_search_exa"
confidence = 0.85
params = { query = "${query}" }

# --- places: search_places {textQuery} ---
[[rule]]
pattern = '''\b(?P<query>(?:(?:good|best|cheap|nice|quiet|open|vegan|vegetarian|italian|chinese|indian|thai|mexican|japanese|french|greek|turkish|local)\s+)*(?:restaurants?|cafes?|coffee shops?|coffee|bars?|pubs?|bakery|bakeries|hotels?|hostels?|pharmac(?:y|ies)|hospitals?|doctors?|dentists?|museums?|galler(?:y|ies)|parks?|playgrounds?|gas stations?|petrol stations?|charging stations?|supermarkets?|grocery stores?|bookshops?|bookstores?|shops?|atms?|banks?|post offices?|schools?|gyms?|librar(?:y|ies)|car parks?|parking|cinemas?|theat(?:er|re)s?|pizza|sushi|airports?|train stations?)\b.*?\b(?:near|nearby|around|close to|in|within walking distance of)\b.*?)[\s?!.]*$'''
unless = '''\b(?:files?|folders?|director(?:y|ies)|python|code|npm|packages?|repositor(?:y|ies)|entit(?:y|ies)|graph|database|table|knowledge|progress bar)\b'''
tool = "search_places"
confidence = 0.85
params = { textQuery = "${query}" }

[[rule]]
pattern = '''\b(?P<query>(?:nearest|closest)\s+.+?)[\s?!.]*$'''
unless = '''\b(?:integers?|numbers?|values?|neighbou?rs?|colou?rs?|match|points?|nodes?|entit(?:y|ies)|hundred|ten|cents?|minutes?|files?)\b'''
tool = "search_places"
confidence = 0.85
params = { textQuery = "${query}" }

# A name in capitals: "where is the Eiffel Tower", not "where is my file".
[[rule]]
pattern = '''^(?:where (?:is|are)|find|locate)\s+(?:the\s+)?(?P<query>(?-i:\p{Lu})\pL*(?:(?:['-]|,?\s+)(?:of|the|de|la|du|and|(?-i:\p{Lu})\pL*|\d+))*)[\s?!.]*$'''
unless = '''\b(?:files?|folders?|readme|todo|error|i|it)\b'''
tool = "search_places"
confidence = 0.8
params = { textQuery = "${query}" }
)toml";

}  // namespace geminga::orchestrator
