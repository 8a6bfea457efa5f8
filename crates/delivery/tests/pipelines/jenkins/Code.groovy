/** Jenkinsfile: its functions, and everything else that its steps call or read. */
abstract class Code extends Script {
    void pipeline(Closure body) { jenkins.pipeline(body) }

    def methodMissing(String name, args) { jenkins.step(name, args as List) }

    def propertyMissing(String name) { jenkins.value(name) }
}
