/** Block of the declarative syntax, with its parts in order. */
class Block {
    Jenkins jenkins
    String kind
    String title
    List<Map> parts = []
    Map<String, Object> assigned = [:]

    def methodMissing(String name, args) { jenkins.part(this, name, args as List) }

    def propertyMissing(String name) { jenkins.value(name) }

    void propertyMissing(String name, value) {
        if (kind != 'environment') Jenkins.reject("$kind assigns $name")
        assigned[name] = value
    }

    List<Map> named(String name) { parts.findAll { it.name == name } }

    /** Returns the part as a block; null if it is missing. */
    Block inner(String name) { named(name)[0]?.block }

    /** Returns the first argument of the part; null if it is missing. */
    def first(String name) { named(name)[0]?.args?.first() }
}
