/** Rules for the Jenkinsfiles, checked for every combination of branch, cause, parameters and settings. */
class Rules {
    static final Map ENV = [BRANCH_NAME: 'main', BUILD_NUMBER: '7', BUILD_URL: 'https://ci/7',
                            JENKINS_URL: 'https://ci', WORKSPACE_TMP: '/tmp/7', HOME: '/home']
    static final String DIGEST = 'sha256:parameter'
    static final List<String> BUILD = ['rustup', 'cargo xtask check', 'cargo xtask book', 'cargo xtask test',
                                       'cargo xtask coverage', 'cargo xtask audit', 'cargo xtask sbom', 'trivy sbom',
                                       'trivy sbom']
    static final List<String> PUBLISH = ['scripts/build.sh build', 'cargo build', 'rustup', 'scripts/build.sh build',
                                         'scripts/build.sh publish']
    /** Minutes of a deployment and its rollback. */
    static final int LIMIT = 75
    static final List<String> ENVIRONMENTS = ['dev', 'staging', 'prod']

    /** Variables of the scripts, besides those that a shell has. */
    static final Map<String, List<String>> NEEDS = [
        'scripts/build.sh publish': ['REGISTRY', 'BUILDER_ID', 'COSIGN_KEY', 'COSIGN_KEY_PUB', 'COSIGN_PASSWORD'],
        'scripts/deploy.sh'       : ['KUBECONFIG', 'COSIGN_KEY_PUB'],
    ]

    /** Problems, each once. */
    final Set<String> found = new LinkedHashSet<>()
    /** Commands of `sh` that were run in any scenario. */
    final Set<String> scripts = new LinkedHashSet<>()
    private String wanted
    Jenkins last

    /** Returns the problems of a Jenkinsfile, which is a rollback by its name; ends at a wanted problem. */
    static Rules of(String name, String text, String wanted = null) {
        def rules = new Rules(wanted: wanted)
        try {
            rules.literals(text)
            def file = Jenkins.compile(text)
            def model = Jenkins.run(file, [env: ENV]).model
            rules.expect(model.inner('options')?.named('timeout'), 'the pipeline lacks the option timeout')
            def parameters = model.inner('parameters').parts*.args.collect { it[0] }
            def choices = parameters.collectEntries { [it.name, it.choices ?: ['', DIGEST]] }
            name.endsWith('.rollback') ? rules.rollback(file, choices) : rules.release(file, choices)
        } catch (Exception problem) {
            rules.found << problem.message
        }
        rules
    }

    private void expect(holds, String problem) {
        if (holds) return
        found << problem
        if (wanted && problem.contains(wanted)) throw new IllegalArgumentException(problem)
    }

    /** Reports secrets that are written in the text. */
    private void literals(String text) {
        text.readLines().each { line ->
            def isSecret = line =~ /(?i)(password|secret|token)\s*[:=]\s*['"].{2,}/
            expect(!isSecret, "a secret has a literal value: ${line.trim()}")
        }
    }

    private Jenkins run(Class file, Map scenario) {
        last = Jenkins.run(file, scenario)
        def trace = last.trace
        trace.findAll { it.step == 'sh' }.each { scripts << it.script.toString(); shell(it) }
        trace.findAll { it.agent }.groupBy { System.identityHashCode(it.agent) }.values().each { allocation(it) }
        last
    }

    private void shell(Map sh) {
        def (text, title) = [sh.script.toString(), sh.path.last()]
        // Groovy would put the value on the shell's command line.
        expect(!(sh.script instanceof GString), "$title: Groovy interpolates the argument of sh")
        (text =~ /\$\{?([A-Z][A-Z_]+)/).collect { it[1] }.each { String name ->
            expect(sh.variables.containsKey(name), "$title: sh reads $name, which is not set")
        }
        def own = commands([sh])
        own.each { command -> NEEDS[command].each { expect(sh.variables[it], "$title: $command has no $it") } }
        // The path of a file may be used.
        sh.secrets.each { name ->
            def uses = text.readLines().findAll { it =~ /\$\{?$name\b/ }*.trim()
            expect(uses.every { it.startsWith("printf '%s' ") && it.endsWith('|') },
                "$title: sh prints $name, or passes it to a program as an argument")
        }
        expect(sh.agent.files || !own, "$title: ${own[0]} runs without a checkout")
    }

    /** Checks the steps of one agent in one workspace. */
    private void allocation(List<Map> steps) {
        def title = steps[0].agent.stage
        def compiles = commands(steps).any { it =~ /^(cargo|rustup|scripts\/build.sh build)/ }
        def hasCredentials = steps.any { it.step == 'withCredentials' }
        expect(!(compiles && hasCredentials), "stage '$title' compiles with access to credentials")
        expect(title == 'node' || steps.last().step == 'cleanWs', "stage '$title' leaves its files on the agent")
        expect(!steps.any { it.variables.DOCKER_CONFIG } || steps.any { it.script == 'rm -rf "$DOCKER_CONFIG"' },
            "stage '$title' leaves its login on the agent")
    }

    /** Returns the commands in the scripts, without their arguments. */
    static List<String> commands(List<Map> trace) {
        def lines = trace.findAll { it.step == 'sh' }.collectMany { it.script.toString().readLines()*.trim() }
        def known = /^(cargo (?:xtask )?\w+|rustup|scripts\/build.sh \w+|scripts\/\S+|trivy sbom|sonar-scanner)/
        lines.collect { it =~ known }.findAll { it.find() }*.group(1)
    }

    private void release(Class file, Map choices) {
        def all = choices + [branch: ['main', 'topic'], cause: ['push', 'TimerTrigger'], SONARQUBE: [null, 'sonar']]
        expect(choices.DEPLOY_TO as Set == (ENVIRONMENTS + 'none') as Set, "DEPLOY_TO offers $choices.DEPLOY_TO")
        all.values().toList().combinations { values ->
            def given = [all.keySet() as List, values].transpose().collectEntries()
            def env = ENV + [BRANCH_NAME: given.branch, SONARQUBE: given.SONARQUBE]
            def params = given.subMap(choices.keySet())
            def done = run(file, [env: env + params, params: params, cause: given.cause])
            def (wanted, ran) = [expected(given), commands(done.trace)]
            expect(done.isSuccessful && ran == wanted, "with $given it runs $ran instead of $wanted")
            def approvals = done.trace.count { it.step == 'input' }
            expect(approvals == (ran.count('scripts/deploy.sh') == 3 ? 1 : 0), "with $given it waits for an approval")
            def passed = done.trace.findAll { it.step == 'stash' && it.name == 'first' }*.includes
            expect(passed.every { it.contains('target/release/roster-admin') }, 'roster-admin does not reach its signer')
            deployments(done.trace, given)
        }
        failures(file)
    }

    private static List<String> expected(Map given) {
        def isRelease = given.branch == 'main' && given.cause != 'TimerTrigger'
        def ran = []
        if (!given.DIGEST) {
            ran += BUILD + (given.SONARQUBE ? ['sonar-scanner'] : []) + 'cargo xtask reproducible'
            if (isRelease) ran += PUBLISH
        }
        def last = ENVIRONMENTS.indexOf(given.DEPLOY_TO)
        isRelease ? ran + ['scripts/deploy.sh'] * (last + 1) : ran
    }

    private void deployments(List<Map> trace, Map given) {
        def environments = []
        trace.findAll { commands([it]) == ['scripts/deploy.sh'] }.each { sh ->
            def name = sh.variables.ENVIRONMENT
            environments << name
            deployment(sh, name)
            expect(sh.script.contains('"$ENVIRONMENT" "$WHAT"'), 'scripts/deploy.sh gets other arguments')
            expect(sh.variables.WHAT == (given.DIGEST ?: 'sha256:published'), "$name gets another digest")
            expect(sh.variables.RELEASE_ORDER == (given.DIGEST ? '0' : ENV.BUILD_NUMBER), "$name gets another order")
            def lock = "roster-$name".toString()
            expect(sh.locks*.toString() == [lock], 'scripts/deploy.sh runs without a lock')
            // Builds run concurrently, because one may wait for its approval for hours.
            def before = trace.take(trace.indexOf(sh)).findAll { it.step == 'milestone' && it.path == sh.path }
            expect(before*.locks*.size() == [0, 1], 'an older build may overtake a newer one behind a lock')
            // The wait for the lock does not count.
            expect(sh.limits.any { it.locks && it.time == LIMIT }, "the deployment to $name has no limit of its own")
            def isApproved = name in ENVIRONMENTS.take(2) || sh.approvals == ['roster-release']
            expect(isApproved, "${sh.path.last()} may deploy to production without an approval")
        }
        expect(environments == ENVIRONMENTS.take(environments.size()), "it deploys to $environments")
        def ordinals = trace.findAll { it.step == 'milestone' }*.ordinal
        expect(ordinals == ordinals.toSorted().unique(), "milestones are out of order: $ordinals")
    }

    /** Checks the environment of a deployment or a rollback. */
    private void deployment(Map sh, name) {
        expect(sh.agent.label == 'roster-deploy', "$name is deployed from another agent")
        def files = [KUBECONFIG: "roster-kubeconfig-$name".toString(), COSIGN_KEY_PUB: 'roster-cosign-public-key']
        expect(sh.files == files, "$name is deployed with $sh.files")
    }

    /** Lets each command of a release fail, and its approval; nothing may be published or deployed after that. */
    private void failures(Class file) {
        def params = [VERSION: '', DIGEST: '', DEPLOY_TO: 'prod']
        def scenario = [env: ENV + params + [SLACK: 'yes', SONARQUBE: 'sonar'], params: params, cause: 'push']
        def shells = run(file, scenario).trace.findAll { it.step == 'sh' }
        shells.findIndexValues { !it.script.startsWith('rm ') }*.intValue().each { index ->
            def trace = run(file, scenario + [fails: index]).trace
            def after = trace.findAll { it.step == 'sh' }.drop(index + 1)
            def title = shells[index].script.readLines()[0]
            expect(!last.isSuccessful, "the pipeline succeeds although `$title` fails")
            expect(!commands(after).any { it =~ /publish|deploy/ }, "it goes on after `$title` has failed")
            expect(trace.count { it.step == 'emailext' } == 1, "nobody is notified that `$title` has failed")
            expect(after.count { it.script.contains('curl') } == 1, "Slack is not notified that `$title` has failed")
        }
        def rejected = run(file, scenario + [rejects: true]).trace
        expect(commands(rejected).count { it == 'scripts/deploy.sh' } == 2, 'a rejected release is deployed')
        def fixed = run(file, scenario + [previous: 'FAILURE']).trace
        expect(fixed.count { it.step == 'emailext' } == 1, 'nobody is notified of a success after a failure')
    }

    private void rollback(Class file, Map choices) {
        expect(choices.ENVIRONMENT == ENVIRONMENTS, "ENVIRONMENT offers $choices.ENVIRONMENT")
        choices.ENVIRONMENT.each { name ->
            def params = [ENVIRONMENT: name]
            def trace = run(file, [env: ENV + params, params: params, cause: 'user']).trace
            trace.each {
                def wait = it.locks ? 'a lock' : it.step in ['input', 'milestone'] ? it.step : null
                expect(!wait, "a rollback waits for $wait")
            }
            def shells = trace.findAll { it.step == 'sh' }
            expect(shells*.script == ['scripts/deploy.sh "$ENVIRONMENT" --rollback'], 'this is not a rollback')
            shells.each { sh ->
                deployment(sh, name)
                expect(sh.limits.any { it.time == LIMIT }, 'a rollback has no limit of its own')
            }
        }
    }
}
