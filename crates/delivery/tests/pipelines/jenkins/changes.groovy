// Breaks one place of a Jenkinsfile after the other, and fails unless Rules reports it.
def steps = "steps {\n                        sh 'cargo xtask reproducible'\n                    }"
def archive = '{\n                    archiveArtifacts(\n'
def approval = "ok 'Deploy'\n                        submitter 'roster-release'\n"
def milestone = '        milestone(ordinal: order + 1, label: environment)\n'
def release = [
    // Rejected by Jenkins.
    ['agent none\n', 'agent none {\n', 'startup failed'],
    ['    triggers {', '    trigger {', 'pipeline has no trigger'],
    ["always $archive", "ever $archive", 'post has no ever'],
    ['    agent none\n', '', 'pipeline lacks agent'],
    ['        timestamps()', "        ansiColor('xterm')", 'pipeline options has no ansiColor'],
    [steps, "sh 'cargo xtask reproducible'", 'stage has no sh'],
    [steps, '', "stage 'Reproducible' has 0 of"],
    [steps, "$steps\n$steps", 'stage has steps twice'],
    ["\n                        sh 'cargo xtask reproducible'", '', "stage 'Reproducible' has no step"],
    ["junit 'target", "jnuit 'target", 'no step is called jnuit'],
    ['params.DEPLOY_TO ==', 'params.DEPLOY_TOO ==', 'no parameter is called DEPLOY_TOO'],
    ["ordinal: order, label", "ordinals: order, label", 'milestone has no parameter ordinals'],
    // Secrets.
    ['sh \'scripts/deploy.sh "$ENVIRONMENT" "$WHAT"\'', 'sh "kubectl --token $env.KUBECONFIG"', 'Groovy interpolates'],
    ['--password-stdin', '--password "$REGISTRY_PASSWORD"', 'sh prints REGISTRY_PASSWORD'],
    ["NO_COLOR = '1'", "COSIGN_PASSWORD = 'hunter2'", 'a secret has a literal value'],
    ["string(credentialsId: 'roster-cosign-password'", "string(id: 'roster-cosign-password'", 'string has no parameter id'],
    ["unstash 'second'\n", "sh 'scripts/build.sh build 1.0.0'\n", "stage 'Publish' compiles"],
    // Commands and conditions.
    ["sh 'cargo xtask coverage'", "echo 'cargo xtask coverage'", 'no step is called echo'],
    ["sh 'cargo xtask coverage'", "junit 'cargo xtask coverage'", 'cargo xtask test, cargo xtask audit'],
    ["sh 'cargo xtask coverage'", "sh 'cargo xtask coverages'", 'cargo xtask coverages'],
    ["*, target/release/roster-admin'\n", "*'\n", 'roster-admin does not reach its signer'],
    ['REGISTRY = ', 'REGISTRY_NAME = ', 'scripts/build.sh publish has no REGISTRY'],
    ["                    when {\n                        branch 'main'\n", '                    when {\n', 'branch:topic'],
    ["expression { params.DEPLOY_TO != 'none' }", 'expression { true }', 'DEPLOY_TO:none'],
    ['                        beforeInput true\n', '', 'it waits for an approval'],
    [approval, '', 'Production may deploy to production without an approval'],
    ['time: 75', 'time: 90', 'has no limit of its own'],
    ['    lock("roster-${environment}") {', "    timeout(time: 1, unit: 'DAYS') {", 'without a lock'],
    [milestone, '', 'may overtake a newer one'],
    ["? '0' : env.BUILD_NUMBER", "? env.BUILD_NUMBER : '0'", 'another order'],
    ['        timeout(time: 16', "        //", 'lacks the option timeout'],
    ["            notify('not successful')", "            cleanWs()", 'nobody is notified'],
]
def rollback = [
    ['            steps {\n', "            input { message 'Sure?' }\n            steps {\n", 'waits for input'],
    ['checkout scm\n', "milestone(ordinal: 1)\n                checkout scm\n", 'waits for milestone'],
    [' --rollback', '', 'this is not a rollback'],
]
def missed = []
[Jenkinsfile: release, 'Jenkinsfile.rollback': rollback].each { name, changes ->
    def text = new File(args[0], name).text
    changes.each { from, to, problem ->
        assert text.count(from as String) == 1: "$name does not have `$from` once"
        def found = Rules.of(name, text.replace(from as String, to as String), problem as String).found
        if (!found.any { it.contains(problem) }) missed << "$name: no problem with `$problem` in $found"
    }
}
missed.each { System.err.println(it) }
System.exit(missed ? 1 : 0)
