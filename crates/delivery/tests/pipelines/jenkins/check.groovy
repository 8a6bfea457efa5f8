// Prints the problems of the Jenkinsfiles in a folder and fails; without problems, prints their scripts as JSON.
import groovy.json.JsonOutput

def names = ['Jenkinsfile', 'Jenkinsfile.rollback']
def results = names.collect { Rules.of(it, new File(args[0], it).text) }
def problems = [names, results*.found].transpose().collectMany { name, found -> found.collect { "$name: $it" } }
problems.each { System.err.println(it) }
if (problems) System.exit(1)
println JsonOutput.toJson(results.collect {
    [scripts: it.scripts, registry: it.last.model.inner('environment').assigned.REGISTRY]
})
